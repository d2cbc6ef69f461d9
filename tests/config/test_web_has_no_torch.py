"""The web image carries no torch, so nothing that serves pages may import it."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ["torch", "torchvision", "pytorch_lightning", "coremltools", "onnxruntime", "litert_torch", "ai_edge_litert"]


def loaded_after(statement: str) -> list[str]:
    script = f"import sys, json\n{statement}\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    return list(json.loads(answer.stdout.splitlines()[-1]))


def test_web_process_when_started_has_no_torch() -> None:
    assert loaded_after("import config.wsgi, django.urls; django.urls.get_resolver().url_patterns") == []


def test_worker_process_when_started_has_no_torch() -> None:
    assert loaded_after("import config.celery; config.celery.app.loader.import_default_modules()") == []

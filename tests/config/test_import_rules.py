"""The import rules hold, and would be noticed if they did not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ["config", "foundation", "collector", "training", "modelhub"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).with_name("lint-imports")
    command = [str(linter), "--config", str(ROOT / ".importlinter"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "static", "templates")
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignored)
    return tmp_path


PLANTED = {
    "the hub knows the collector": ("modelhub/domain/planted.py", "from collector import models"),
    "a lazy torch in the web part": ("collector/domain/planted.py", "def late():\n    import torch"),
    "the domain imports tasks": ("collector/domain/planted.py", "from collector import tasks"),
    "an app imports the assembly": ("collector/domain/planted.py", "from config import env"),
    "the pure library imports Django": ("training/ml/planted.py", "import django"),
    "the phone knows the server": ("modelhub/client/planted.py", "from modelhub.domain import releases"),
    "a stray helpers module": ("collector/helpers.py", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
def test_import_rules_when_broken_are_reported(name: str, copy: Path) -> None:
    file, text = PLANTED[name]
    (copy / file).write_text(text + "\n", encoding="utf-8")
    outcome = lint(copy)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert "BROKEN" in outcome.stdout or "not listed as layers" in outcome.stdout + outcome.stderr


def test_import_rules_are_kept_by_the_code(copy: Path) -> None:
    outcome = lint(copy)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr

"""manage.py doctor: what it finds, what it advises, when it fails."""

import json
import os
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import limits
import pytest
from django.core.management import call_command
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from collector.models import LostPhoto
from config import doctor
from foundation.enums import JobState
from foundation.models import Job
from tests.foundation.conftest import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture
def found(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it to examine; gives checks by name."""
    monkeypatch.setattr(doctor, "PATIENCE_S", 0.3)  # nobody will answer
    settings.HUB_KEY_FILE = tmp_path / "hub.ed25519"
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"
    return lambda: {check.name: check for check in doctor.examine()}


def test_embedded_services_are_there_and_durable(found: Any) -> None:
    checks = found()
    for name in ("python", "database", "database durability", "migrations", "redis", "redis keeps queues", "storage"):
        assert checks[name].ok, checks[name]
    assert checks["database durability"].detail.count(" on") == 4


def test_signing_key_is_missed_and_then_found(found: Any, settings: Settings) -> None:
    missing = found()["signing key"]
    assert (missing.ok, missing.required) == (False, True)
    assert "make_keys" in missing.do
    call_command("make_keys")
    assert found()["signing key"].ok
    settings.HUB_KEY_FILE.chmod(0o644)
    assert "chmod 600" in found()["signing key"].do


def test_sandbox_names_its_protections(found: Any) -> None:
    names = [name for name in found() if name.startswith("sandbox: ")]
    assert len(names) >= 3


def test_jobs_that_nobody_does_are_told(found: Any) -> None:
    Job.objects.create(kind="tests.x", key="1")
    Job.objects.create(kind="tests.x", key="2", state=JobState.QUARANTINED)
    Job.objects.update(created_at=F("created_at") - timedelta(hours=1))
    checks = found()
    assert not checks["jobs run"].ok
    assert "60 minutes" in checks["jobs run"].detail
    assert not checks["jobs quarantined"].ok


def test_lost_photos_are_told(found: Any) -> None:
    assert found()["photos lost"].ok
    LostPhoto.objects.create(photo_id=uuid.uuid4(), sha256="0" * 64, size_bytes=9, received_at=timezone.now())
    check = found()["photos lost"]
    assert (check.ok, check.required) == (False, False)
    assert check.detail.startswith("1 receipts")
    assert "photo.lost" in check.do


def test_limits_are_told(found: Any, settings: Settings) -> None:
    settings.LIMIT_UPLOADS, settings.LIMIT_GUESTS = limits.parse_many("5/minute, 90/2 days"), []
    checks = found()
    assert checks["limit: LIMIT_UPLOADS"].detail == "5 per 1 minute, 90 per 2 day"
    assert (checks["limit: LIMIT_GUESTS"].ok, checks["limit: LIMIT_GUESTS"].detail) == (False, "off")
    assert "X-Forwarded-For is not looked at" in checks["proxies"].detail
    settings.TRUSTED_PROXIES = 2
    assert found()["proxies"].detail == "2 trusted"


def test_no_worker_is_a_note_and_never_a_failure(found: Any) -> None:
    check = found()["worker for train"]
    assert (check.ok, check.required) == (False, False)
    assert "-Q train" in check.do


def test_other_interpreter_is_asked_for_the_converter(found: Any, settings: Settings) -> None:
    settings.TRAINING_LITERT_PYTHON = sys.executable
    assert "litert_torch" in found()["LiteRT converter"].detail
    settings.TRAINING_LITERT_PYTHON = "/no/such/python"
    assert not found()["LiteRT converter"].ok


def test_mail_that_goes_nowhere_is_told_in_production(found: Any, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert found()["mail"].ok
    settings.SECURE = True
    check = found()["mail"]
    assert (check.ok, check.required) == (False, False)
    assert "EMAIL_URL" in check.do


def test_nothing_running_is_a_table_and_exit_code_1(tmp_path: Path) -> None:
    environment = {**os.environ, "DAYBREAK_HOME": str(tmp_path / "home")}
    command = [sys.executable, "manage.py", "doctor"]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "make dev" in done.stdout
    assert "Traceback" not in done.stderr
    done = subprocess.run([*command, "--json"], cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["ok"] is False
    bad = {check["name"] for check in report["checks"] if check["required"] and not check["ok"]}
    assert {"database", "redis", "signing key"} <= bad


def test_doctor_does_not_import_torch(tmp_path: Path) -> None:
    code = "import django, sys; django.setup(); from config import doctor; list(doctor.examine())"
    code += "; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "DAYBREAK_HOME": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False).returncode == 0

"""One night that everything is done to: kill -9 of child, supervisor and worker, Ctrl-C, two supervisors at once.

Whatever is killed when: no orphan goes on, the next start resumes without running a finished stage again, there is one
release, and no half artifact is left.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from collector.models import Project
from config.celery import app
from foundation import blobs, jobs
from foundation.enums import JobState
from modelhub.domain import files, releases
from tests.training import nights_kit as kit
from training.domain import stages
from training.domain.folders import KIND
from training.enums import RunState
from training.models import Run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("committed"), pytest.mark.timeout(600)]
NIGHTLY = [sys.executable, "manage.py", "nightly", "--project", "battered", "--night", str(kit.NIGHT)]
WORKER = [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "-Q", "train", "-c", "1"]
WORKER += ["--without-gossip", "--without-mingle", "--disable-prefetch", "--loglevel", "INFO"]
PATIENCE_S = 150
Rows = dict[str, tuple[int, str]]  # as kit.rows_of gives them


class Battlefield:
    """Processes of one night, each with a log of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        log = (self.folder / f"{len(self.started)}.log").open("wb")
        self.started.append(
            subprocess.Popen(
                command, cwd=kit.ROOT, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        )
        return self.started[-1]

    def log(self, process: "subprocess.Popen[bytes]") -> str:
        return (self.folder / f"{self.started.index(process)}.log").read_text()

    def logs(self) -> str:
        return "\n".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in sorted(self.folder.glob("*.log")))

    def wait_for(self, what: Callable[[], object], say: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < until, f"waited {PATIENCE_S} s in vain until {say}\n{self.logs()}"
            time.sleep(0.05)

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def field(committed: None, environment: dict[str, str], tmp_path: Path) -> Iterator[Battlefield]:
    made = Battlefield(tmp_path, environment)
    app.control.purge()
    yield made
    made.end()
    app.control.purge()


@pytest.fixture
def project(committed: None, weights: Path, tmp_path: Path) -> Project:
    made = kit.make_project("battered", weights)
    kit.add_photos(made, tmp_path / "photos", labels=("red", "green", "blue"), volunteers=10)
    return made


def find_child(stage: str) -> psutil.Process | None:
    """Our process of a stage, once it has become the stage's command; others may train on this machine too."""
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if command[1:4] == ["-m", "training.ml", stage] and str(settings.DAYBREAK_HOME) in " ".join(command):
                return process
        except psutil.Error:
            continue
    return None


def find_workers_in_folders() -> list[int]:
    """Every process that was given a night's folder to work in."""
    found = []
    root = str(Path(settings.DAYBREAK_HOME) / "work")
    for process in psutil.process_iter():
        try:
            if process.environ().get("DAYBREAK_WORK", "").startswith(root) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def work_folders() -> list[str]:
    return [folder.name for folder in (Path(settings.DAYBREAK_HOME) / "work").iterdir()]


def test_a_night_survives_everything_and_makes_one_release(
    project: Project, field: Battlefield, tmp_path: Path
) -> None:
    bob = _kill_child_then_supervisor(project, field)
    run = Run.objects.get(project=project)
    rows = _stop_by_ctrl_c(run, field, bob)
    rows = _stop_then_kill_workers(run, field, rows)

    out = tmp_path / "night.json"  # the next start finishes the night
    assert field.start([*NIGHTLY, "--json", str(out)]).wait(PATIENCE_S) == 0, field.logs()
    run.refresh_from_db()
    assert run.state == RunState.PUBLISHED, run.why
    rows = _grown(run, rows, "announce")
    assert list(rows) == list(kit.STAGE_NAMES)
    assert json.loads(out.read_text())["release"] == run.release
    assert [release.origin for release in releases.Release.objects.filter(project_slug="battered")] == [f"run:{run.pk}"]
    assert (find_workers_in_folders(), work_folders()) == ([], [])
    _check_bytes(run)


def _kill_child_then_supervisor(project: Project, field: Battlefield) -> "subprocess.Popen[bytes]":
    """Alice's child is killed, and she goes on; Bob follows her; she is killed, and he takes over. Returns Bob."""
    alice = field.start(NIGHTLY)
    field.wait_for(lambda: find_child("embed"), "embedding began")
    _kill(find_child("embed"))
    field.wait_for(lambda: "embed was killed (signal 9)" in field.log(alice), "the killed child was noticed")
    bob = field.start(NIGHTLY)
    field.wait_for(lambda: "Another process has this night; following it." in field.log(bob), "the second one followed")
    field.wait_for(lambda: find_child("fit"), "fitting began")
    rows = kit.rows_of(Run.objects.get(project=project))
    assert list(rows) == ["snapshot", "choose", "start", "embed"]
    orphan = find_child("fit")
    assert orphan
    alice.kill()
    killed_at = time.monotonic()
    alice.wait()
    field.wait_for(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE, "the orphan was gone")
    assert time.monotonic() - killed_at < 2
    field.wait_for(lambda: (child := find_child("fit")) and child.pid != orphan.pid, "the second one took over")
    assert time.monotonic() - killed_at < 20  # JOB_LEASE_S is 20 here: it did not wait for the lease to run out
    assert len(work_folders()) == 1  # the dead owner's is swept
    return bob


def _stop_by_ctrl_c(run: Run, field: Battlefield, bob: "subprocess.Popen[bytes]") -> Rows:
    """Bob gives the job back and leaves nothing behind."""
    field.wait_for(lambda: find_child("compress"), "compressing began")
    rows = kit.rows_of(run)
    bob.send_signal(signal.SIGINT)
    assert bob.wait(30) == 130
    assert "finished stages are kept" in field.log(bob)
    _check_given_back(run)
    return _grown(run, rows, "evaluate")


def _stop_then_kill_workers(run: Run, field: Battlefield, rows: Rows) -> Rows:
    """A worker takes the night and is asked to stop; the next one is killed whole in mid-stage."""
    worker = _start_worker(field)
    assert field.start([*NIGHTLY, "--detach"]).wait(60) == 0
    field.wait_for(lambda: find_child("compress"), "the worker compressed")
    worker.terminate()
    assert worker.wait(30) == 0
    _check_given_back(run)
    worker = _start_worker(field)  # the doorbell that rang when the job was given back is still in the queue
    field.wait_for(lambda: find_child("litert"), "the next worker wrote LiteRT files")
    worker.kill()
    worker.wait()
    field.wait_for(lambda: not find_workers_in_folders(), "child and grandchild of the worker were gone")
    return _grown(run, rows, "compress")


def _start_worker(field: Battlefield) -> "subprocess.Popen[bytes]":
    worker = field.start([*WORKER, "-n", f"train-{len(field.started)}-{os.getpid()}@%h"])
    field.wait_for(lambda: "ready." in field.log(worker), "the worker was ready")
    return worker


def _kill(process: psutil.Process | None) -> None:
    assert process
    process.send_signal(signal.SIGKILL)


def _check_given_back(run: Run) -> None:
    job = jobs.find(KIND, str(run.pk))
    assert job
    assert (job.state, find_workers_in_folders(), work_folders()) == (JobState.QUEUED, [], [])


def _grown(run: Run, before: Rows, last: str) -> Rows:
    """The rows now, the earlier ones untouched, up to ``last``."""
    now = kit.rows_of(run)
    assert before.items() <= now.items()
    assert list(now)[-1] == last
    return now


def _check_bytes(run: Run) -> None:
    """Every artifact and stage file is whole, and no half one lies about."""
    release = releases.current("battered")
    assert release
    for artifact in release.artifacts.all():
        assert blobs.copy_sha(files.key_of(artifact.sha256)) == artifact.sha256
    for row in run.stages.all():
        assert all(blobs.copy_sha(stages.blob_key(sha)) == sha for sha in row.files.values())
    root = Path(re.sub("^file://", "", settings.STORAGE_URL))
    for blob in (root / "artifacts").iterdir():
        assert blobs.copy_sha(f"artifacts/{blob.name}") == blob.name

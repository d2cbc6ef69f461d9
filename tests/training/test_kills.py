"""One night that everything is done to, then a full disk and a supervisor that sleeps.

kill -9 of child, supervisor and worker, Ctrl-C, two supervisors at once, kill -9 at every write: no orphan goes on, the
next start resumes without running a finished stage again, there is one release, and no half artifact is left.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from django.db import connection

from collector.models import Project
from config.celery import app
from foundation import blobs, jobs
from foundation.enums import JobState
from modelhub.domain import files, releases
from tests.training import drilling
from tests.training import nights_kit as kit
from tests.training.battlefield import PATIENCE_S, Battlefield, find_child, find_workers_in_folders, work_folders
from training.domain import checkpoints, nights, stages
from training.domain.folders import KIND
from training.domain.shifts import NightStoppedError, Told
from training.enums import RunState, StageName
from training.models import Run, Stage

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("committed"), pytest.mark.timeout(600)]
NIGHTLY = [sys.executable, "manage.py", "nightly", "--project", "battered", "--night", str(kit.NIGHT)]
WORKER = [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "-Q", "train", "-c", "1"]
WORKER += ["--without-gossip", "--without-mingle", "--disable-prefetch", "--loglevel", "INFO"]
Rows = dict[str, tuple[int, str]]  # as kit.rows_of gives them


@pytest.fixture
def field(committed: None, environment: dict[str, str], tmp_path: Path) -> Iterator[Battlefield]:
    made = Battlefield(tmp_path, environment)
    app.control.purge()
    yield made
    made.end()
    app.control.purge()


@pytest.fixture(scope="module")
def project(committed: None, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = kit.make_project("battered", weights)
    kit.add_photos(made, tmp_path_factory.mktemp("photos"), labels=("red", "green", "blue"), volunteers=10)
    return made


def test_a_night_survives_everything_and_makes_one_release(
    project: Project, field: Battlefield, tmp_path: Path
) -> None:
    bob = _kill_child_then_supervisor(project, field)
    run = Run.objects.get(project=project)
    rows = _stop_by_ctrl_c(run, field, bob)
    rows = _stop_then_kill_workers(run, field, rows)

    rows = _kill_at_every_write(run, rows)

    out = tmp_path / "night.json"
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


def _kill_at_every_write(run: Run, rows: Rows) -> Rows:
    """The rest of the night, from the gate on, with its supervisor killed at each write, until one comes through."""
    told: list[Told] = []
    with pytest.raises(NightStoppedError):
        nights.run_night(run.pk, listen=told.append, should_stop=lambda: bool(told) and told[-1].stage == "gate")
    Stage.objects.filter(run=run, name=StageName.GATE).delete()
    rows = _grown(run, rows, "verify")
    kills = place = 0
    while (status := drilling.run_forked(run, drilling.killed_before_write(place))) != 0:
        assert status == drilling.KILLED
        kills += 1
        drilling.forgive(run)
        assert releases.Release.objects.filter(project_slug="battered").count() <= 1
        before, rows = rows, kit.rows_of(run)
        assert before.items() <= rows.items()
        place = place + 1 if rows == before else 0  # from where it stands now, again from the first write on
    assert kills > 15  # gate, artifacts, release, channel, document, publish, announce
    return rows


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


@pytest.mark.parametrize(
    ("stage", "message", "size", "said"),
    [
        ("snapshot", "choosing photos", 10, "This machine's disk has no room for the night's work (File too large"),
        ("embed", "storing", 10, "No room in the storage for stages/"),
        ("fit", "starting", 200_000, "There is no room on the disk ("),
    ],
)
def test_a_full_disk_ends_the_night_in_words_and_leaves_nothing_half_written(
    project: Project, stage: str, message: str, size: int, said: str
) -> None:
    before = releases.current("battered")
    stored = names_in_storage()
    days = {"snapshot": 1, "embed": 2, "fit": 3}[stage]
    run = nights.find_or_add_run(project, kit.NIGHT + timedelta(days=days), "scratch")
    status = drilling.run_forked(run, drilling.with_files_at_most(size, from_stage=stage, message=message))
    run.refresh_from_db()
    assert status == 0
    assert (run.state, run.why[: len(said)]) == (RunState.FAILED, said)
    assert releases.current("battered") == before
    rows = list(Stage.objects.filter(run=run).values_list("name", flat=True))
    assert stage not in rows
    named = {sha for row in Stage.objects.all() for sha in row.files.values()}
    assert {name for name in names_in_storage() - stored if name not in named} == set()
    assert not list((Path(settings.DAYBREAK_HOME) / "work").iterdir())


def names_in_storage() -> set[str]:
    """Of stage files, and of parts that nobody finished."""
    root = Path(settings.STORAGE_URL.removeprefix("file://"))
    return {path.name for folder in ("stages", ".parts") for path in root.glob(f"{folder}/*")}


def test_a_supervisor_that_slept_twice_its_lease_writes_nothing_when_it_wakes(
    project: Project, field: Battlefield
) -> None:
    night, lease_s = kit.NIGHT + timedelta(days=4), 3
    field.environment["JOB_LEASE_S"] = str(lease_s)
    sleeper = field.start([*NIGHTLY[:-1], str(night), "--pretrained", "scratch"])
    field.wait_for(lambda: find_child("fit"), "training began")
    sleeper.send_signal(signal.SIGSTOP)
    run = Run.objects.get(project=project, night=night)
    rows = kit.rows_of(run)
    time.sleep(2 * lease_s)
    lease = jobs.claim(KIND, str(run.pk))  # another has the night from here on: it would write, if anybody
    assert lease
    sleeper.send_signal(signal.SIGCONT)
    field.wait_for(lambda: "following it" in field.log(sleeper), "it noticed that the night is another's")
    assert (kit.rows_of(run), find_workers_in_folders()) == (rows, [])
    assert jobs.find(KIND, str(run.pk)).fencing == lease.fencing
    jobs.give_back(lease)


def test_a_training_whose_child_is_killed_goes_on_at_its_last_checkpoint(project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(fit_budget_s=8)
    run = nights.find_or_add_run(project, kit.NIGHT + timedelta(days=7), "scratch")
    told: list[Told] = []

    def kill(one: Told) -> None:
        told.append(one)
        if one.message == "steps of training" and blobs.exists(checkpoints.blob_key(run.pk)):
            _kill(find_child("fit"))

    first = nights.run_night(run.pk, listen=kill)
    assert (first.state, "fit was killed (signal 9)" in first.why) == (RunState.QUEUED, True)
    again: list[Told] = []
    with pytest.raises(NightStoppedError):
        nights.run_night(run.pk, listen=again.append, should_stop=lambda: bool(again) and again[-1].stage == "evaluate")
    reached, taken_up = (one.step for one in (told[-1], next(one for one in again if one.message == told[-1].message)))
    assert reached / 3 < taken_up  # a tenth of the budget is the most that is lost; half a second passes between lines
    fit = run.stages.get(name=StageName.FIT)
    assert fit.result["notices"][-1].startswith("Training goes on at step ")
    assert not blobs.exists(checkpoints.blob_key(run.pk))


def test_two_beats_at_once_add_one_run_a_project(project: Project) -> None:
    night = kit.NIGHT + timedelta(days=5)
    barrier, broken = threading.Barrier(2), []

    def beat() -> None:
        try:
            barrier.wait()
            nights.start_nights(night)
        except Exception as error:  # noqa: BLE001 -- told by the test
            broken.append(error)
        finally:
            connection.close()

    beats = [threading.Thread(target=beat) for _ in range(2)]
    for each in beats:
        each.start()
    for each in beats:
        each.join()
    assert broken == []
    (run,) = Run.objects.filter(project=project, night=night)
    assert jobs.find(KIND, str(run.pk)).state == JobState.QUEUED


def test_a_night_delivered_twice_is_done_once(project: Project) -> None:
    run = nights.find_or_add_run(project, kit.NIGHT + timedelta(days=6))
    lease = jobs.claim(KIND, str(run.pk))
    assert lease
    assert nights.run_night(run.pk) is None
    run.refresh_from_db()
    assert (run.state, list(run.stages.all())) == (RunState.QUEUED, [])
    jobs.give_back(lease)

"""Rows under the fencing number: written once, by whoever holds the night, and reused where the inputs agree."""

import contextlib
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from foundation import blobs, jobs
from foundation.models import Job
from tests.training import photos_kit as kit
from tests.training.nights_kit import NIGHT
from training.domain import folders, nights, stages
from training.domain.folders import KIND
from training.domain.shifts import NightStoppedError, Shift, Told
from training.enums import RunState, StageName
from training.models import Run, Stage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
COST = {"seconds": 1.0, "cpu_seconds": 2.0}


def claim(run: Run) -> jobs.Lease:
    lease = jobs.claim(KIND, str(run.pk))
    assert lease
    return lease


def make_run(slug: str = "notes", days: int = 0) -> Run:
    run, _ = Run.objects.get_or_create(project=kit.make_project(slug), night=NIGHT + timedelta(days=days))
    jobs.add(KIND, str(run.pk))
    return run


def begin(run: Run, work: Path) -> Shift:
    work.mkdir()
    return Shift(run, claim(run), work)


def expire(lease: jobs.Lease) -> None:
    """As if the owner had been paused for longer than its lease."""
    Job.objects.filter(pk=lease.job_id).update(lease_until=Now() - timedelta(seconds=1))


def write(shift: Shift, text: str, name: StageName = StageName.EMBED) -> Stage:
    folder = shift.work / name
    folder.mkdir(exist_ok=True)
    (folder / "result.json").write_text(text)
    digest = stages.input_digest(shift, name)
    return stages.store(shift, name, digest=digest, result={"said": text}, **COST)


def test_a_zombie_cannot_write_a_stage_or_progress(tmp_path: Path) -> None:
    run = make_run()
    zombie = begin(run, tmp_path / "zombie")
    expire(zombie.lease)
    living = begin(run, tmp_path / "living")
    living.tell(Told(StageName.EMBED, 1, 2))
    with pytest.raises(jobs.LeaseLost):
        write(zombie, "late")
    with pytest.raises(jobs.LeaseLost):
        zombie.tell(Told(StageName.FIT, 1, 2))
    with pytest.raises(jobs.LeaseLost):
        stages.forget_from(zombie, StageName.SNAPSHOT)
    assert not Stage.objects.exists()
    row = write(living, "in time")
    assert (row.fencing, row.fencing - zombie.lease.fencing) == (living.lease.fencing, 1)
    run.refresh_from_db()
    assert run.progress["stage"] == StageName.EMBED


def test_a_stage_is_written_once(tmp_path: Path) -> None:
    shift = begin(make_run(), tmp_path / "work")
    write(shift, "once")
    with pytest.raises(jobs.LeaseLost):
        write(shift, "twice")
    assert Stage.objects.get().result == {"said": "once"}


def test_a_row_names_files_that_are_stored(tmp_path: Path) -> None:
    row = write(begin(make_run(), tmp_path / "work"), "whole")
    assert [blobs.read(stages.blob_key(sha256)) for sha256 in row.files.values()] == [b"whole"]
    assert (row.seconds, row.cpu_seconds) == (1.0, 2.0)


def test_a_finished_stage_lets_the_attempts_count_anew(tmp_path: Path) -> None:
    run = make_run()
    for turn in range(2):
        expire(claim(run)) if turn else expire(begin(run, tmp_path / "first").lease)
    shift = begin(run, tmp_path / "third")
    assert Job.objects.get().attempts == 3
    write(shift, "progress")
    assert Job.objects.get().attempts == 1


def test_three_attempts_at_one_stage_give_the_night_up_in_words(settings: Settings) -> None:
    run = make_run()
    for _ in range(settings.JOB_ATTEMPTS):
        expire(claim(run))
    assert nights.run_night(run.pk) is None
    run.refresh_from_db()
    assert (run.state, run.why[:9]) == (RunState.FAILED, "Given up:")
    again = nights.find_or_add_run(run.project, NIGHT)  # a person asks: three fresh attempts
    assert again.state == RunState.QUEUED
    assert claim(again)


def test_the_same_inputs_are_found_done_in_an_earlier_night(tmp_path: Path) -> None:
    first = begin(make_run(), tmp_path / "first")
    row = write(first, "learned")
    run = Run.objects.create(project=first.run.project, night=NIGHT + timedelta(days=1))
    jobs.add(KIND, str(run.pk))
    second = begin(run, tmp_path / "second")
    digest = stages.input_digest(second, StageName.EMBED)
    assert stages.find_twin(second, StageName.EMBED, digest) == row
    copy = stages.reuse(second, row, digest)
    assert (copy.output_digest, copy.files, copy.seconds) == (row.output_digest, row.files, 0)
    assert copy.reused_from == row


def test_a_twin_whose_files_are_gone_is_none(tmp_path: Path) -> None:
    shift = begin(make_run(), tmp_path / "first")
    row = write(shift, "learned")
    blobs.delete(stages.blob_key(row.files["result.json"]))
    assert stages.find_twin(shift, StageName.EMBED, row.input_digest) is None


def test_other_inputs_give_another_digest(tmp_path: Path) -> None:
    shift = begin(make_run(), tmp_path / "work")
    before = stages.input_digest(shift, StageName.FIT)
    shift.run.inputs = {"spec": {"arch": "mobilenet_v2"}}
    assert stages.input_digest(shift, StageName.FIT) != before
    shift.run.inputs = {}
    write(shift, "features")
    assert stages.input_digest(shift, StageName.FIT) != before


def test_weights_to_start_from_are_those_of_the_network_chosen(tmp_path: Path) -> None:
    shift = begin(make_run(), tmp_path / "work")
    spec = dict.fromkeys(stages.START_MEMBERS) | {"arch": "squeezenet1_1"}
    shift.run.inputs = {"spec": spec, "code": "", "start": None}
    first = stages.input_digest(shift, StageName.START)
    row = Stage(run=shift.run, name=StageName.CHOOSE, input_digest="", result={"arch": "mnasnet0_5"})
    stages.write_row(shift, row)
    assert stages.input_digest(shift, StageName.START) != first
    Stage.objects.update(result={"arch": "squeezenet1_1"})
    assert stages.input_digest(shift, StageName.START) == first


def test_progress_is_written_once_a_second_and_the_end_always(tmp_path: Path) -> None:
    shift = begin(make_run(), tmp_path / "work")
    for step in range(1, 10):
        shift.tell(Told(StageName.FIT, step, 9, 3.5, "epoch"))
    shift.run.refresh_from_db()
    progress = {name: shift.run.progress[name] for name in ("stage", "step", "total", "eta_s", "message")}
    assert progress == {"stage": "fit", "step": 9, "total": 9, "eta_s": 3.5, "message": "epoch"}
    shift.tell(Told(StageName.FIT, 1, 9))
    shift.run.refresh_from_db()
    assert shift.run.progress["step"] == 9


def test_who_is_asked_to_stop_stops(tmp_path: Path) -> None:
    shift = begin(make_run(), tmp_path / "work")
    shift.should_stop = lambda: True
    with pytest.raises(NightStoppedError):
        shift.beat()


def test_a_lease_is_extended_while_the_night_beats(settings: Settings, tmp_path: Path) -> None:
    settings.JOB_LEASE_S = 3
    shift = begin(make_run(), tmp_path / "work")
    until = Job.objects.get().lease_until
    time.sleep(0.8)
    shift.beat()
    assert until
    assert Job.objects.get().lease_until != until


def test_folders_of_dead_claims_are_swept_and_their_strays_ended(settings: Settings) -> None:
    run = make_run()
    lease = claim(run)
    root = Path(settings.DAYBREAK_HOME) / "work"
    dead, alive, foreign = (root / name for name in (f"run-{run.pk}-0", f"run-{run.pk}-{lease.fencing}", "notes"))
    for folder in (dead, alive, foreign):
        folder.mkdir(parents=True)
        (folder / "half.bin").write_bytes(b"half")
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    stray = subprocess.Popen(sleep, env={**os.environ, "DAYBREAK_WORK": str(dead)})
    folders.sweep(root)
    assert stray.wait(10) == -9
    assert (dead.exists(), alive.exists(), foreign.exists()) == (False, True, True)
    assert psutil.pid_exists(os.getpid())


def test_a_night_folder_is_gone_whatever_happens() -> None:
    lease, seen = claim(make_run()), []
    with contextlib.suppress(ZeroDivisionError), folders.work_folder(lease) as work:
        (work / "half.bin").write_bytes(b"half")
        seen.append(work)
        raise ZeroDivisionError
    assert not seen[0].exists()

"""A night from first to last: claimed by lease, taken up where it stopped, ended once.

``find_or_add_run`` makes the row and rings; ``run_night`` does the work, in whichever process claims it first. Killed
at any moment, a night loses at most the stage it was in: finished stages have rows, and rows are never run again.
"""

import contextlib
import logging
import shutil
from collections.abc import Callable
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce, Now

from collector.domain import photos
from collector.enums import LabelState
from collector.models import Project
from foundation import blobs, jobs
from foundation.enums import JobState
from foundation.problems import Problem
from training.domain import (
    checkpoints,
    handover,
    inputs,
    judging,
    learning,
    materials,
    negatives,
    publishing,
    shards,
    snapshots,
    stages,
)
from training.domain.folders import KIND, work_folder
from training.domain.queries import is_finished
from training.domain.shifts import NightFailedError, NightStoppedError, Shift, Told, keep_quiet, never
from training.enums import GateDecision, RunState, StageName
from training.ml import contract
from training.models import Run
from training.runner.children import StageDiedError, StageProblemError

logger = logging.getLogger(__name__)
FREEZES = 3  # a night whose photos keep vanishing gives up after so many snapshots


def find_or_add_run(project: Project, night: date, pretrained: str = "") -> Run:
    """The one run of a project and night, queued if it is new, and opened again if it had failed.

    ``pretrained`` overrides the project's start weights. Raises Problem ``night-begun`` (409) where the night set out
    with others already.
    """
    with transaction.atomic():
        run, is_new = Run.objects.select_for_update(of=("self",)).get_or_create(
            project=project, night=night, defaults={"pretrained": pretrained}
        )
        if not is_new:
            settle(run.pk)
            run.refresh_from_db()
        if pretrained not in {"", run.pretrained}:
            _change_start(run, pretrained)
        if run.state == RunState.FAILED:
            _reopen(run, pretrained)
        if not is_finished(run):
            jobs.requeue(KIND, str(run.pk))
    return run


def start_nights(night: date) -> list[Run]:
    """One run for every project that has accepted photos to learn from; any number of callers makes one each."""
    settle_all()
    ready = [project for project in Project.objects.order_by("slug") if _has_photos(project)]
    return [_add_run(project, night) for project in ready]


def run_night(
    run_id: int, *, listen: Callable[[Told], None] = keep_quiet, should_stop: Callable[[], bool] = never
) -> Run | None:
    """Does the night's work if nobody else does: claims it, goes on at the last finished stage, ends it.

    Returns the run as it stands then, or None where the job is done or held by a live owner. A fault in what people
    gave ends the night as failed, in words; one of the machine gives the job another attempt. Raises
    ``NightStoppedError`` after giving the job back.
    """
    lease = jobs.claim(KIND, str(run_id))
    if lease is None:
        settle(run_id)
        return None
    run = _begin(run_id)
    try:
        with work_folder(lease) as work:
            _work_through(Shift(run, lease, work, listen, should_stop))
    except (NightFailedError, StageProblemError, Problem) as error:
        _end_in_words(lease, run, str(error))
    except StageDiedError as error:
        _break_off(lease, run, str(error))
    except jobs.LeaseLost:
        logger.warning("night.lease_lost run=%s fencing=%s", run.pk, lease.fencing)
    except (NightStoppedError, KeyboardInterrupt, SystemExit):
        _give_back(lease, run)
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in blobs.NO_ROOM:
            _end_in_words(lease, run, _say_no_room(error))
        else:
            logger.exception("night.broke run=%s", run.pk)
            _break_off(lease, run, f"{type(error).__name__}: {error}"[:2000])
    run.refresh_from_db()
    return run


def settle(run_id: int) -> None:
    """Marks a run failed whose job was given up, with the job's reason: a killed owner can no longer do so."""
    job = jobs.find(KIND, str(run_id))
    if job and job.state == JobState.QUARANTINED:
        open_runs = Run.objects.filter(pk=run_id, state__in=[RunState.QUEUED, RunState.RUNNING])
        if open_runs.update(state=RunState.FAILED, why=f"Given up: {job.reason}", progress={}, finished_at=Now()):
            checkpoints.forget(run_id)


def settle_all() -> None:
    """Settles every run that is still open."""
    for pk in Run.objects.filter(state__in=[RunState.QUEUED, RunState.RUNNING]).values_list("pk", flat=True):
        settle(pk)


def _work_through(shift: Shift) -> None:
    for _ in range(FREEZES):
        try:
            _finish_snapshot(shift)
            for name in contract.STAGES:
                learning.finish_stage(shift, StageName(name))
            break
        except materials.SnapshotStaleError as error:
            logger.warning("night.snapshot_stale run=%s %s", shift.run.pk, error)
            _start_over(shift)
    else:
        raise NightFailedError("Photos kept vanishing while the night was being prepared. Start the night again.")
    gate = judging.finish_gate(shift)
    shift.beat()
    is_better = gate.result["decision"] == GateDecision.PUBLISH
    published = publishing.finish_publish(shift, gate) if is_better else None
    handover.hand_over(shift)
    publishing.announce(shift, gate, published)


def _finish_snapshot(shift: Shift) -> None:
    """Freezes the snapshot and the night's inputs, unless an earlier claim of this night did."""
    if shift.run.inputs and stages.bring(shift, StageName.SNAPSHOT):
        return
    watch = stages.Stopwatch()
    stages.say(shift, StageName.SNAPSHOT, "choosing photos")
    frozen = snapshots.freeze(shift, inputs.known_labels(shift.run.project) or ())
    result = {**frozen.to_json(), "negatives": negatives.freeze(shift)}
    chosen = inputs.choose(shift.run, frozen.snapshot)
    row = stages.find_stage(shift, StageName.SNAPSHOT)
    if row and row.result != result:
        stages.forget_from(shift, StageName.SNAPSHOT)
        row = None
    if row is None:
        # The manifest is the input as well as the output: nothing else is known of the photos.
        digest = frozen.snapshot.digest
        stages.store(shift, StageName.SNAPSHOT, digest=digest, result=result, **watch.read())
    _write_inputs(shift, chosen)


def _start_over(shift: Shift) -> None:
    """A photo is gone, so nothing that was made from it may be used."""
    stages.forget_from(shift, StageName.SNAPSHOT)
    _write_inputs(shift, {})
    checkpoints.forget(shift.run.pk)
    shards.forget(shift.run)
    for name in (*stages.ORDER, "features", "photos"):
        shutil.rmtree(shift.work / name, ignore_errors=True)


def _write_inputs(shift: Shift, chosen: dict[str, Any]) -> None:
    with transaction.atomic():
        jobs.require(shift.lease)
        Run.objects.filter(pk=shift.run.pk).update(inputs=chosen)
    shift.run.inputs = chosen


def _begin(run_id: int) -> Run:
    started = Coalesce("started_at", Now())
    Run.objects.filter(pk=run_id).update(state=RunState.RUNNING, why="", finished_at=None, started_at=started)
    return Run.objects.select_related("project").get(pk=run_id)


def _end_in_words(lease: jobs.Lease, run: Run, why: str) -> None:
    """The night failed for a reason that another attempt would meet again; the job is over."""
    with contextlib.suppress(jobs.LeaseLost), transaction.atomic():
        jobs.require(lease)
        Run.objects.filter(pk=run.pk).update(state=RunState.FAILED, why=why, progress={}, finished_at=Now())
        jobs.finish(lease)
        checkpoints.forget(run.pk)


def _break_off(lease: jobs.Lease, run: Run, why: str) -> None:
    """One attempt broke; the job says whether there is another."""
    with contextlib.suppress(jobs.LeaseLost), transaction.atomic():
        jobs.require(lease)
        jobs.fail(lease, why)
        Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED, why=f"Tried again after: {why}", progress={})
        settle(run.pk)


def _say_no_room(error: OSError) -> str:
    if isinstance(error, blobs.StorageFull):
        return f"{error.strerror}."
    return (
        f"This machine's disk has no room for the night's work ({error.strerror}, in {settings.DAYBREAK_HOME}). "
        "Make room there, then start the night again."
    )


def _give_back(lease: jobs.Lease, run: Run) -> None:
    with contextlib.suppress(jobs.LeaseLost), transaction.atomic():
        jobs.require(lease)
        Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED, progress={})
        jobs.give_back(lease)


def _has_photos(project: Project) -> bool:
    return photos.accepted_photos(project).filter(label__state=LabelState.LIVE).exists()


def _add_run(project: Project, night: date) -> Run:
    """As ``find_or_add_run``, but a night that failed stays failed until a person looks at it."""
    with transaction.atomic():
        run, _ = Run.objects.get_or_create(project=project, night=night)
        if not is_finished(run):
            jobs.add(KIND, str(run.pk))
    return run


def _reopen(run: Run, pretrained: str) -> None:
    """A failed night begins again with what there is now; stages whose inputs did not change stay finished."""
    run.state, run.why, run.inputs, run.pretrained, run.finished_at = RunState.QUEUED, "", {}, pretrained, None
    run.save(update_fields=["state", "why", "inputs", "pretrained", "finished_at"])


def _change_start(run: Run, pretrained: str) -> None:
    if run.inputs and run.state != RunState.FAILED:
        used = run.inputs["spec"]["pretrained"]
        raise Problem(
            "night-begun",
            409,
            f"The night of {run.night} set out from the start weights {used}, not {pretrained}.",
            allowed="start weights are chosen before a night begins",
            do="Leave --pretrained out to go on with this night, or choose another --night.",
        )
    run.pretrained = pretrained
    run.save(update_fields=["pretrained"])

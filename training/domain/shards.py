"""Many new photos and several training workers: each takes a part, while the night's owner works and counts.

A shard is a row and a job. Whoever claims the job brings what the night began with, has a child look at the shard's
photos, and shows the pack in the transaction that ends the job: a worker that lost its lease shows nothing. The owner
claims shards like everybody else, so one worker alone goes on at its own pace, and a killed worker's shard is taken up.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models.functions import Now

from foundation import blobs, jobs
from foundation.enums import JobState
from foundation.problems import Problem
from training.domain import embedding, features, inputs, materials, stages
from training.domain.folders import SHARD, work_folder
from training.domain.shifts import NightFailedError, Shift, Told, keep_quiet, never
from training.enums import StageName
from training.ml import contract
from training.models import Run, Shard
from training.runner import children

logger = logging.getLogger(__name__)
QUEUE = "train"
LOOK_EVERY_S = 0.5
FAULTS = (NightFailedError, children.StageProblemError, materials.SnapshotStaleError, Problem, blobs.StorageFull)


@dataclass(slots=True)
class ShardShift(Shift):
    """A shard, claimed. Says nothing on the run's row, for its owner counts; ``outer`` keeps what the owner holds."""

    outer: Callable[[], None] = lambda: None

    def beat(self) -> None:
        """As a night's, and the owner's too."""
        Shift.beat(self)
        self.outer()

    def tell(self, told: Told) -> None:  # noqa: ARG002 -- the owner counts
        """Beats."""
        self.beat()


def are_worth_it(run: Run, missing: Sequence[contract.ManifestPhoto]) -> bool:
    """Whether there are photos for more than one worker, and other workers; or shards of this night already."""
    if len(missing) < 2 * settings.TRAINING_SHARD_PHOTOS:
        return bool(missing) and Shard.objects.filter(run=run, finished_at=None).exists()
    return jobs.count_listeners(QUEUE) > 0


def embed_in_shards(shift: Shift, missing: Sequence[contract.ManifestPhoto]) -> children.Ended:
    """All of those photos, by whoever helps. Raises what a stage raises; shards of dead workers are taken up."""
    began = time.monotonic()
    _plan(shift, [photo.sha256 for photo in missing])
    while shards := list(Shard.objects.filter(run=shift.run, finished_at=None).defer("photos")):
        _tell(shift, len(missing), began)
        for shard in shards:
            _raise_fault(shift, shard)
            if embed_shard(shard.pk, should_stop=shift.should_stop, beat=lambda: _tell(shift, len(missing), began)):
                break
        else:
            time.sleep(LOOK_EVERY_S)
    cpu = sum(Shard.objects.filter(run=shift.run).values_list("cpu_seconds", flat=True))
    return children.Ended(time.monotonic() - began, cpu)


def embed_shard(
    shard_id: int, *, should_stop: Callable[[], bool] = never, beat: Callable[[], None] = lambda: None
) -> bool:
    """Does one shard unless somebody else does; False where it is done, held, or given up.

    ``beat`` is called at least every second. Raises what it raises, and ``NightStoppedError``, after giving the job
    back. What no attempt could mend becomes the shard's ``fault``.
    """
    lease = jobs.claim(SHARD, str(shard_id))
    if lease is None:
        return False
    shard = Shard.objects.select_related("run__project").filter(pk=shard_id).first()
    try:
        if shard is None:  # its night went on without it
            jobs.finish(lease)
            return False
        with work_folder(lease) as work:
            _work_on(shard, ShardShift(shard.run, lease, work, keep_quiet, should_stop, outer=beat))
    except FAULTS as error:
        _note_fault(lease, shard_id, str(error))
    except children.StageDiedError as error:
        jobs.fail(lease, str(error))
    except jobs.LeaseLost as error:
        jobs.give_back(lease)  # of the night's own lease, maybe; nothing happens where the shard's is lost
        if error.lease != lease:
            raise
        logger.warning("shard.lease_lost shard=%s fencing=%s", shard_id, lease.fencing)
    except BaseException:
        jobs.give_back(lease)
        raise
    return True


def forget(run: Run) -> None:
    """The night needs no shards (any more). A worker that still has one shows nothing of it."""
    Shard.objects.filter(run=run).delete()


def _plan(shift: Shift, photos: list[str]) -> None:
    """Keeps the shards of an earlier claim of this night where they are just what is left; else cuts anew."""
    left = Shard.objects.filter(run=shift.run, finished_at=None)
    with transaction.atomic():
        jobs.require(shift.lease)
        if {sha256 for shard in left for sha256 in shard.photos} != set(photos):
            forget(shift.run)
            at_once = settings.TRAINING_SHARD_PHOTOS
            parts = [photos[start : start + at_once] for start in range(0, len(photos), at_once)]
            Shard.objects.bulk_create(
                Shard(run=shift.run, number=number, photos=part) for number, part in enumerate(parts, start=1)
            )
        left.update(fault="")
        for shard in left:
            jobs.requeue(SHARD, str(shard.pk))


def _work_on(shard: Shard, shift: Shift) -> None:
    for name in (StageName.SNAPSHOT, StageName.CHOOSE, StageName.START):
        stages.bring(shift, name)
    spec = {**shift.run.inputs["spec"], "threads": inputs.count_cores()}  # of this machine
    contract.write_json(shift.work / "spec.json", spec)
    wanted = set(shard.photos)
    part = [photo for photo in embedding.train_photos(shift) if photo.sha256 in wanted]
    contract.write_manifest(shift.work / contract.PART, part)
    materials.materialise(shift, wanted)
    out = shift.work / "embed"
    out.mkdir()
    order = children.order_for("embed", shift.work, out, threads=spec["threads"], limit_s=stages.LIMIT_S)
    ended = children.run_child(order, hear=_Notes(shard), beat=shift.beat)
    _finish(shard, shift, ended)


def _finish(shard: Shard, shift: Shift, ended: children.Ended) -> None:
    pack = embedding.store_pack(shift)
    with transaction.atomic():
        jobs.require(shift.lease)
        mine = Shard.objects.filter(pk=shard.pk, finished_at=None)
        is_wanted = mine.update(finished_at=Now(), done=len(shard.photos), cpu_seconds=ended.cpu_seconds)
        if pack and is_wanted:
            features.make_ready(pack)
        elif pack:
            features.retire(pack)
        jobs.finish(shift.lease)


class _Notes:
    """Writes how far a shard is, once a second at most."""

    def __init__(self, shard: Shard) -> None:
        self.shard, self.at = shard, 0.0

    def __call__(self, line: contract.ProgressLine) -> None:
        if time.monotonic() - self.at >= 1:
            self.at = time.monotonic()
            with contextlib.suppress(OperationalError):  # only progress
                Shard.objects.filter(pk=self.shard.pk).update(done=line.step)


def _tell(shift: Shift, total: int, began: float) -> None:
    """The night's progress: all shards together, whoever does them. Asks the database once a second at most."""
    shift.beat()
    if not shift.is_due():
        return
    dones = Shard.objects.filter(run=shift.run).values_list("done", flat=True)
    done = sum(dones)
    eta_s = (time.monotonic() - began) / done * (total - done) if done else None
    shift.tell(Told(StageName.EMBED, done, total, eta_s, f"photos through the backbone, in {len(dones)} parts"))


def _raise_fault(shift: Shift, shard: Shard) -> None:
    if shard.fault:
        materials.materialise(shift, set())  # says so where a photo is gone: then the night begins anew
        raise NightFailedError(shard.fault)
    job = jobs.find(SHARD, str(shard.pk))
    if job and job.state == JobState.QUARANTINED:
        raise children.StageDiedError(f"A part of embed was given up. {job.reason}")


def _note_fault(lease: jobs.Lease, shard_id: int, why: str) -> None:
    with contextlib.suppress(jobs.LeaseLost), transaction.atomic():
        jobs.require(lease)
        Shard.objects.filter(pk=shard_id).update(fault=why or "It could not be done.")
        jobs.finish(lease)

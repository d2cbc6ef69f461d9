"""Parts of a night's new photos: cut once, done by whoever claims them, shown once, taken up when a worker dies."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.conf import LazySettings
from django.db.models.functions import Now

from config.celery import app
from foundation import jobs
from foundation.enums import JobState
from foundation.models import Job
from tests.training import nights_kit
from tests.training import photos_kit as kit
from tests.training.battlefield import Battlefield
from tests.training.test_kills import NIGHTLY, WORKER
from tests.training.test_snapshots import a_shift
from training.domain import embedding, features, nights, shards, stages
from training.domain.folders import SHARD
from training.domain.shifts import NightFailedError, Shift
from training.enums import PackState, StageName
from training.ml import contract
from training.models import FeaturePack, Run, Shard, Stage
from training.runner import children

HALF = 27  # of the 54 train photos of six volunteers
BACKBONE = {"arch": "squeezenet1_1", "source": "imagenet", "sha256": "c" * 64}


@pytest.fixture
def shift(db: None, own_home: None, settings: LazySettings, tmp_path: Path) -> Iterator[Shift]:
    """A night that has frozen its photos and knows its backbone, and cuts after four photos."""
    settings.TRAINING_SHARD_PHOTOS = 4
    project = kit.make_project()
    kit.accept_plenty(project)
    with a_shift(project, tmp_path / "work") as made:
        nights._finish_snapshot(made)
        started = Stage(run=made.run, name=StageName.START, result={"backbone": BACKBONE, "note": ""})
        stages.write_row(made, started)
        yield made


def missing_of(shift: Shift) -> list[str]:
    return [photo.sha256 for photo in embedding.find_missing(shift)]


def claim(shard: Shard, work: Path) -> Shift:
    lease = jobs.claim(SHARD, str(shard.pk))
    assert lease
    (work / "embed").mkdir(parents=True)
    return Shift(shard.run, lease, work)


def leave_pack(shift: Shift, shard: Shard) -> None:
    """As the child would."""
    key = embedding.features_key(shift)
    assert key
    digests = [bytes.fromhex(sha256) for sha256 in shard.photos]
    contract.write_pack(shift.work / "embed" / embedding.PACK, key, 2, digests, [digest[:4] for digest in digests])


def test_missing_photos_are_cut_into_shards_that_hold_each_once(shift: Shift) -> None:
    missing = missing_of(shift)
    shards._plan(shift, missing)
    parts = [shard.photos for shard in Shard.objects.all()]
    assert [sha256 for part in parts for sha256 in part] == missing
    assert {len(part) for part in parts[:-1]} == {4}
    assert Job.objects.filter(kind=SHARD, state=JobState.QUEUED).count() == len(parts)


def test_night_that_is_resumed_keeps_the_shards_that_are_left(shift: Shift, tmp_path: Path) -> None:
    shards._plan(shift, missing_of(shift))
    first, *rest = Shard.objects.all()
    worker = claim(first, tmp_path / "worker")
    leave_pack(worker, first)
    shards._finish(first, worker, children.Ended())
    shards._plan(shift, missing_of(shift))
    assert list(Shard.objects.filter(finished_at=None)) == rest


def test_shards_of_other_photos_are_cut_anew(shift: Shift) -> None:
    missing = missing_of(shift)
    shards._plan(shift, missing[:6])
    shards._plan(shift, missing)
    assert [sha256 for shard in Shard.objects.all() for sha256 in shard.photos] == missing


def test_shard_done_twice_is_shown_once(shift: Shift, tmp_path: Path) -> None:
    shards._plan(shift, missing_of(shift))
    shard = Shard.objects.all()[0]
    zombie = claim(shard, tmp_path / "zombie")
    Job.objects.filter(pk=zombie.lease.job_id).update(lease_until=Now() - timedelta(seconds=1))
    living = claim(shard, tmp_path / "living")
    for worker in (zombie, living):
        leave_pack(worker, shard)
    with pytest.raises(jobs.LeaseLost):
        shards._finish(shard, zombie, children.Ended())
    assert features.known(shift.run.project, embedding.features_key(shift) or "") == set()
    shards._finish(shard, living, children.Ended())
    assert FeaturePack.objects.filter(state=PackState.READY).count() == 1
    assert not set(shard.photos) & set(missing_of(shift))


def test_shard_of_a_night_that_goes_on_without_it_shows_nothing(shift: Shift, tmp_path: Path) -> None:
    shards._plan(shift, missing_of(shift))
    shard = Shard.objects.all()[0]
    worker = claim(shard, tmp_path / "worker")
    leave_pack(worker, shard)
    shards.forget(shift.run)
    shards._finish(shard, worker, children.Ended())
    assert not FeaturePack.objects.filter(state=PackState.READY).exists()


def test_doorbell_for_a_shard_that_is_no_more_ends_its_job(shift: Shift) -> None:
    shards._plan(shift, missing_of(shift))
    shard = Shard.objects.all()[0]
    shards.forget(shift.run)
    assert shards.embed_shard(shard.pk) is False
    job = jobs.find(SHARD, str(shard.pk))
    assert job
    assert job.state == JobState.DONE


def test_shard_at_fault_ends_the_night_in_words(shift: Shift) -> None:
    shards._plan(shift, missing_of(shift))
    Shard.objects.update(fault="The picture cannot be read.")
    with pytest.raises(NightFailedError, match="cannot be read"):
        shards._raise_fault(shift, Shard.objects.all()[0])


def test_one_worker_alone_has_no_shards(shift: Shift) -> None:
    assert not shards.are_worth_it(shift.run, embedding.find_missing(shift))


# --- real workers --------------------------------------------------------------------------------------------------
@pytest.fixture
def field(committed: None, environment: dict[str, str], tmp_path: Path) -> Iterator[Battlefield]:
    made = Battlefield(tmp_path, environment | {"TRAINING_SHARD_PHOTOS": str(HALF)})
    app.control.purge()
    yield made
    made.end()
    app.control.purge()


def children_of(process_id: int) -> list[psutil.Process]:
    """The embedding children of one worker."""
    found = []
    for child in psutil.Process(process_id).children(recursive=True):
        try:
            if child.cmdline()[1:4] == ["-m", "training.ml", "embed"]:
                found.append(child)
        except (psutil.Error, IndexError):
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_workers_share_the_new_photos_and_a_killed_one_s_part_is_taken_up(
    field: Battlefield, weights: Path, tmp_path: Path
) -> None:
    project = nights_kit.make_project("battered", weights)
    nights_kit.add_photos(project, tmp_path / "photos", labels=("red", "green", "blue"), volunteers=8)
    workers = [field.start([*WORKER, "-n", f"shard-{number}-{os.getpid()}@%h"]) for number in range(2)]
    field.wait_for(lambda: all("ready." in field.log(worker) for worker in workers), "both workers were ready")
    assert field.start([*NIGHTLY, "--detach"]).wait(60) == 0
    field.wait_for(lambda: all(children_of(worker.pid) for worker in workers), "both looked at photos")
    run = Run.objects.get(project=project)
    owner = psutil.Process(int((jobs.find("training.run_night", str(run.pk)) or Job()).lease_owner.split(":")[1]))
    helper = next(worker for worker in workers if worker.pid != owner.ppid())
    helper.kill()
    helper.wait()
    field.wait_for(lambda: run.stages.filter(name=StageName.EMBED).exists(), "all photos were looked at")
    row = run.stages.get(name=StageName.EMBED)
    assert row.result["reused"] == 0
    packs = FeaturePack.objects.filter(project=project, state=PackState.READY)
    assert sum(pack.photos for pack in packs) == row.result["photos"] == len(features.known(project, packs[0].key))
    assert packs.count() == 2
    assert not Shard.objects.exists()
    assert "training.embed_shard" in field.log(helper)

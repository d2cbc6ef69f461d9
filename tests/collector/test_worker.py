"""Photos with a real worker: rung twice, not rung at all, and what the clock cleans up."""

import datetime as dt
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import LazySettings, settings
from django.db.models import F

from collector.domain import normalising, photos
from collector.enums import PhotoState
from collector.models import Photo
from collector.normaliser import sandbox
from foundation import blobs, jobs
from foundation.enums import JobState
from foundation.models import Job
from tests.collector.conftest import Phone, jpeg, send, stored

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "-Q", "default,media", "-c", "2"]


def wait_for_state(photo_ids: list[uuid.UUID], state: str, timeout_s: float = 40) -> None:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if Photo.objects.filter(pk__in=photo_ids, state=state).count() == len(photo_ids):
            return
        time.sleep(0.1)
    raise AssertionError(list(Photo.objects.filter(pk__in=photo_ids).values_list("pk", "state")))


def worker_environment() -> dict[str, str]:
    database: dict[str, Any] = settings.DATABASES["default"]
    host = str(database["HOST"]).replace("/", "%2F")
    credentials = f"{database['USER']}:{database['PASSWORD']}" if database["PASSWORD"] else database["USER"]
    port = f":{database['PORT']}" if database["PORT"] else ""
    url = f"postgresql://{credentials}@{host}{port}/{database['NAME']}"
    return {**os.environ, "DATABASE_URL": url, "REDIS_URL": settings.REDIS_URL, "STORAGE_URL": settings.STORAGE_URL}


def empty_redis() -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()


@contextmanager
def running_worker(log: Path) -> Iterator[None]:
    """A worker on the tests' database, ready to listen."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*COMMAND, "--without-gossip", "--without-mingle", "-n", f"photos-{os.getpid()}@%h", "--loglevel", "INFO"],
            cwd=ROOT,
            env=worker_environment(),
            stdout=out,
            stderr=out,
        )
    try:
        until = time.monotonic() + 40
        while "ready." not in log.read_text() and time.monotonic() < until:
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_worker_normalises_each_photo_once_though_rung_thrice_or_never(
    alice: Phone, storage: Path, tmp_path: Path
) -> None:
    ids = [uuid.uuid4() for _ in range(7)]
    assert alice.put(jpeg(99), ids[0]).status_code == 201
    empty_redis()  # its doorbell is lost
    with running_worker(tmp_path / "worker.log"):
        for seed, photo_id in enumerate(ids[1:]):
            assert alice.put(jpeg(seed), photo_id).status_code == 201
            for _ in range(2):
                jobs.ring(normalising.NORMALISE, str(photo_id))
        wait_for_state(ids[1:], PhotoState.AWAITING_REVIEW)
        assert Photo.objects.get(pk=ids[0]).state == PhotoState.RECEIVED
        Job.objects.update(created_at=F("created_at") - dt.timedelta(minutes=1))
        assert jobs.reconcile() == 1
        wait_for_state(ids, PhotoState.AWAITING_REVIEW)
    assert set(Job.objects.values_list("state", "attempts", "fencing")) == {(JobState.DONE, 1, 1)}
    for photo in Photo.objects.all():
        assert blobs.copy_sha(photos.normalised_key(photo.pk)) == photo.normalised_sha256


# --- without a worker ----------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_original_is_deleted_once_it_is_old_enough(alice: Phone, storage: Path, settings: LazySettings) -> None:
    settings.ORIGINAL_DAYS = 7
    old, young = send(alice, 1), send(alice, 2)
    waiting = uuid.uuid4()
    alice.put(jpeg(3), waiting)
    week = dt.timedelta(days=7, minutes=1)
    Photo.objects.filter(pk__in=[old.pk, waiting]).update(received_at=F("received_at") - week)
    assert photos.delete_originals() == 1
    assert photos.delete_originals() == 0
    kept = [name for name in stored(storage) if "original" in name]
    assert sorted(name.split("/")[1] for name in kept) == sorted([str(young.pk), str(waiting)])
    assert blobs.exists(photos.normalised_key(old.pk))
    old.refresh_from_db()
    assert old.original_deleted_at is not None
    assert alice.put(jpeg(1), old.pk).status_code == 200  # a late replay needs no original


@pytest.mark.django_db
def test_photo_whose_original_is_missing_is_a_failed_job_not_an_unreadable_photo(alice: Phone) -> None:
    photo_id = uuid.uuid4()
    alice.put(jpeg(), photo_id)
    photo = Photo.objects.get(pk=photo_id)
    blobs.delete(photos.original_key(photo_id, photo.sha256))
    with pytest.raises(blobs.BlobMissing):
        normalising.normalise_photo(photo_id)
    photo.refresh_from_db()
    assert photo.state == PhotoState.RECEIVED
    job = jobs.find(normalising.NORMALISE, str(photo_id))
    assert job is not None
    assert (job.state, job.attempts) == (JobState.QUEUED, 1)
    assert "BlobMissing" in job.reason


@pytest.mark.django_db
def test_normaliser_that_lost_its_lease_writes_nothing(alice: Phone, storage: Path) -> None:
    photo_id = uuid.uuid4()
    alice.put(jpeg(), photo_id)
    lease = jobs.claim(normalising.NORMALISE, str(photo_id))
    assert lease is not None
    Job.objects.update(fencing=F("fencing") + 1)  # somebody took it over
    made = sandbox.normalise(jpeg())
    with pytest.raises(jobs.LeaseLost):
        normalising.record_normalised(lease, photo_id, made)
    assert Photo.objects.get(pk=photo_id).state == PhotoState.RECEIVED
    assert [name for name in stored(storage) if "original" not in name] == []

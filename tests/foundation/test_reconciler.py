"""The reconciler: for what it rings, what it gives up, and how much it rings at most."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from foundation import jobs
from foundation.enums import JobState
from foundation.jobs import doorbell, owners, reconciler
from foundation.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_broker")]
KIND = "tests.nobody-listens"


def add_old(key: str, kind: str = KIND, **fields: object) -> Job:
    job = Job.objects.create(kind=kind, key=key, **fields)
    Job.objects.filter(pk=job.pk).update(created_at=F("created_at") - timedelta(minutes=5))
    return job


def test_rings_for_what_waits_and_for_whom_nobody_speaks_any_more() -> None:
    ahead, behind = Now() + timedelta(minutes=1), Now() - timedelta(seconds=1)
    dead = owners.this_owner().rpartition(":")[0] + ":1"
    add_old("waits")
    add_old("ran out", state=JobState.RUNNING, lease_owner="elsewhere/b/1:7:7", lease_until=behind, attempts=1)
    add_old("owner died here", state=JobState.RUNNING, lease_owner=dead, lease_until=ahead, attempts=1)
    add_old("in good hands", state=JobState.RUNNING, lease_owner=owners.this_owner(), lease_until=ahead, attempts=1)
    add_old("done", state=JobState.DONE)
    add_old("given up", state=JobState.QUARANTINED)
    Job.objects.create(kind=KIND, key="just added, just rung for")
    assert jobs.reconcile() == 3
    assert doorbell.count_waiting("default") == 3


def test_job_whose_owner_died_at_the_last_attempt_is_quarantined() -> None:
    dead = owners.this_owner().rpartition(":")[0] + ":1"
    add_old("bomb", state=JobState.RUNNING, lease_owner=dead, lease_until=Now() + timedelta(minutes=1), attempts=3)
    assert jobs.reconcile() == 0
    job = jobs.find(KIND, "bomb")
    assert job is not None
    assert (job.state, job.lease_owner) == (JobState.QUARANTINED, "")


def test_full_queue_is_not_filled_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "BACKLOG", 3)
    for key in "abcd":
        add_old(key)
    add_old("1", kind="training.run_night")
    assert jobs.reconcile() == 5
    assert jobs.reconcile() == 1  # the queue of nights is not full
    assert doorbell.count_waiting("default") == 4
    assert doorbell.count_waiting("train") == 2


def test_many_photos_do_not_keep_a_night_from_being_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "MOST", 2)
    for key in "abcd":
        add_old(key, kind="collector.normalise_photo")
    add_old("1", kind="training.run_night")
    assert jobs.reconcile() == 3
    assert doorbell.count_waiting("media") == 2
    assert doorbell.count_waiting("train") == 1

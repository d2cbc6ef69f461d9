"""Adding and finding jobs."""

from functools import partial

from django.db import transaction

from foundation.enums import JobState
from foundation.jobs.doorbell import ring
from foundation.models import Job


def add(kind: str, key: str) -> None:
    """Insert the job unless it is there, in the caller's transaction, and ring after its commit.

    A job that is there already stays as it is: a done one is not done again (see ``requeue``). Broker trouble is
    logged, never raised: the reconciler rings again.
    """
    Job.objects.bulk_create([Job(kind=kind, key=key)], ignore_conflicts=True)  # one statement, also in a race
    transaction.on_commit(partial(ring, kind, key), robust=True)


def requeue(kind: str, key: str) -> None:
    """Have the job done (again), with all its attempts: add it, or queue it anew when it is done or quarantined.

    One that is queued or running stays as it is.
    """
    add(kind, key)
    over = Job.objects.filter(kind=kind, key=key, state__in=[JobState.DONE, JobState.QUARANTINED])
    over.update(state=JobState.QUEUED, attempts=0, reason="", finished_at=None)


def find(kind: str, key: str) -> Job | None:
    """The job's row, or None."""
    return Job.objects.filter(kind=kind, key=key).first()

"""Leases: who may work on a job, until when, and the fencing number that proves it when the result is written."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from foundation.enums import JobState
from foundation.jobs import owners
from foundation.jobs.doorbell import ring
from foundation.models import Job

logger = logging.getLogger(__name__)
WITHOUT_A_WORD = "The last attempt ended without a word: its process was killed or lost."


@dataclass(frozen=True)
class Lease:
    """The right to do one job. ``fencing`` rises with every claim, so an older lease can never pass for a newer."""

    job_id: int
    kind: str
    key: str
    fencing: int
    owner: str


class LeaseLost(Exception):  # noqa: N818 -- named by what happened
    """Somebody else has the job now, or it is over. Stop, and write nothing."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(f"Lease {lease.fencing} of {lease.kind}({lease.key}) is lost. Nothing of it was written.")
        self.lease = lease


def claim(kind: str, key: str) -> Lease | None:
    """Take the job: one that is queued, whose lease ran out, or whose owner on this host is dead.

    None where there is no such job, it is done, a live owner holds it, or it is quarantined (which the last of
    JOB_ATTEMPTS attempts makes it here). Must not be called inside a transaction: others have to see the claim.
    """
    owner = owners.this_owner()
    free = _free(kind, key)
    with transaction.atomic(durable=True):
        taken = free.filter(attempts__lt=settings.JOB_ATTEMPTS).update(
            state=JobState.RUNNING,
            attempts=F("attempts") + 1,
            fencing=F("fencing") + 1,
            lease_owner=owner,
            lease_until=lease_end(),
        )
        if not taken:
            if free.filter(attempts__gte=settings.JOB_ATTEMPTS).update(**quarantined()):
                logger.error("job.quarantined kind=%s key=%s attempts=%s", kind, key, settings.JOB_ATTEMPTS)
            return None
        # Ours and locked until the commit, so this reads what the line above wrote.
        job = Job.objects.get(kind=kind, key=key)
        return Lease(job.pk, kind, key, job.fencing, owner)


def extend(lease: Lease) -> None:
    """Push the end of the lease out again. Raises LeaseLost."""
    if not held(lease).update(lease_until=lease_end()):
        raise LeaseLost(lease)


def require(lease: Lease) -> None:
    """See, inside the transaction that writes results, that the lease is ours until it commits. Raises LeaseLost."""
    if not list(held(lease).select_for_update().values_list("pk")):
        raise LeaseLost(lease)


def finish(lease: Lease) -> None:
    """The job is done; call it in the transaction that writes the result. Raises LeaseLost."""
    if not held(lease).update(state=JobState.DONE, lease_owner="", lease_until=None, reason="", finished_at=Now()):
        raise LeaseLost(lease)


def give_back(lease: Lease) -> None:
    """Queue the job again without counting the attempt: we stop, and it is not the job's fault.

    Nothing happens where the lease is lost: the job is no longer ours to speak for.
    """
    if held(lease).update(attempts=F("attempts") - 1, **_queued("")):
        transaction.on_commit(lambda: ring(lease.kind, lease.key), robust=True)


def fail(lease: Lease, reason: str) -> None:
    """The attempt failed: queue the job again, or quarantine it after the last of JOB_ATTEMPTS, with the reason.

    The reconciler rings for it within a minute; ringing at once would spend all attempts on one short outage.
    Nothing happens where the lease is lost.
    """
    mine = held(lease)
    with transaction.atomic():
        over = mine.filter(attempts__gte=settings.JOB_ATTEMPTS).update(**quarantined(reason))
        again = 0 if over else mine.update(**_queued(reason))
    if over:
        logger.error("job.quarantined kind=%s key=%s reason=%s", lease.kind, lease.key, reason)
    elif again:
        logger.warning("job.failed kind=%s key=%s reason=%s", lease.kind, lease.key, reason)


def held(lease: Lease) -> "QuerySet[Job]":
    """The job's row while the lease is good; nothing once it is lost.

    A lease that ran out without anybody claiming the job is still good: nobody else's work can be harmed.
    """
    return Job.objects.filter(pk=lease.job_id, state=JobState.RUNNING, fencing=lease.fencing, lease_owner=lease.owner)


def lease_end() -> CombinedExpression:
    """JOB_LEASE_S from now, by the database's clock: the clocks of hosts differ."""
    return Now() + timedelta(seconds=settings.JOB_LEASE_S)


def quarantined(reason: str = WITHOUT_A_WORD) -> dict[str, Any]:
    """The values of a job given up."""
    state = {"state": JobState.QUARANTINED, "reason": reason, "finished_at": Now()}
    return state | {"lease_owner": "", "lease_until": None}


def _queued(reason: str) -> dict[str, Any]:
    return {"state": JobState.QUEUED, "lease_owner": "", "lease_until": None, "reason": reason}


def _free(kind: str, key: str) -> "QuerySet[Job]":
    """The job, if it may be claimed."""
    jobs = Job.objects.filter(kind=kind, key=key)
    free = Q(state=JobState.QUEUED) | Q(state=JobState.RUNNING, lease_until__lt=Now())
    running = jobs.filter(state=JobState.RUNNING).values_list("lease_owner", flat=True).first()
    if running and owners.is_dead(running):  # it cannot come back, so taking over from exactly this owner is safe
        free |= Q(state=JobState.RUNNING, lease_owner=running)
    return jobs.filter(free)

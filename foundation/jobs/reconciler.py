"""The reconciler: rings again for every job that waits. Doorbells may be lost, this is why nothing else is."""

import logging
from datetime import timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from foundation.enums import JobState
from foundation.jobs import owners
from foundation.jobs.doorbell import count_waiting, ring
from foundation.jobs.leases import quarantined
from foundation.models import Job

logger = logging.getLogger(__name__)
EVERY_S = 60
YOUNG_S = 30  # a job this young has just been rung for
MOST = 1000  # of one kind in one pass; the oldest first
BACKLOG = 1000  # a queue with so many unanswered doorbells needs no more: it would only grow while workers are away


def reconcile() -> int:
    """Ring for queued jobs and for those whose owner is gone; quarantine those out of attempts. Returns rings."""
    abandoned = Job.objects.filter(state=JobState.RUNNING).filter(Q(lease_until__lt=Now()) | Q(pk__in=_of_the_dead()))
    for job in abandoned.filter(attempts__gte=settings.JOB_ATTEMPTS):
        if abandoned.filter(pk=job.pk, fencing=job.fencing).update(**quarantined()):
            logger.error("job.quarantined kind=%s key=%s attempts=%s", job.kind, job.key, job.attempts)
    waiting = Job.objects.filter(state=JobState.QUEUED, created_at__lt=Now() - timedelta(seconds=YOUNG_S))
    due = (waiting | abandoned).order_by("pk")
    return sum(_ring_all(kind, due) for kind in due.order_by("kind").values_list("kind", flat=True).distinct())


def _of_the_dead() -> list[int]:
    """Running jobs whose owner was a process of this host and is gone."""
    running = Job.objects.filter(state=JobState.RUNNING).values_list("pk", "lease_owner")
    return [pk for pk, owner in running if owners.is_dead(owner)]


def _ring_all(kind: str, due: "QuerySet[Job]") -> int:
    """Ring for one kind; each has its own limit, so that thousands of photos do not keep a night from being rung."""
    if _is_full(_queue_of(kind)):
        return 0
    return sum(ring(kind, key) for key in due.filter(kind=kind).values_list("key", flat=True)[:MOST])


def _queue_of(kind: str) -> str:
    amqp: Any = current_app.amqp  # celery-types knows no router
    return str(amqp.router.route({}, kind)["queue"].name)


def _is_full(queue: str) -> bool:
    try:
        return count_waiting(queue) >= BACKLOG
    except (KombuError, RedisError, OSError) as error:
        logger.warning("job.broker_silent queue=%s error=%r", queue, error)
        return True

"""Ringing: tell Celery that a job waits. Best effort and quick, for a person may be waiting for the answer."""

import logging
import time
from typing import Any

from celery import current_app, current_task
from kombu.exceptions import KombuError
from kombu.pools import producers  # type: ignore[attr-defined]  # missing in celery-types
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# Of one attempt; connecting and publishing may each need it once. Kombu's default waits for ever for a hung Redis.
PATIENCE_S = 0.8
# After a failure nobody rings for so long: a thousand jobs added in one transaction must not wait a thousand times.
SILENCE_S = 10.0
# A doorbell that nobody answered in this time is dropped; the reconciler has rung several times since.
EXPIRES_S = 300
LISTEN_S = 1.0
QUICK = {
    "socket_timeout": PATIENCE_S,
    "socket_connect_timeout": PATIENCE_S,
    "retry_on_timeout": False,
    "max_retries": 0,
}

_silent_until = 0.0


def ring(kind: str, key: str) -> bool:
    """Send the task ``kind`` with ``key``. False where the broker did not take it (logged, never raised)."""
    global _silent_until  # noqa: PLW0603 -- one doorbell a process
    if time.monotonic() < _silent_until:
        return False
    connection = current_app.connection_for_write(
        transport_options={**current_app.conf.broker_transport_options, **QUICK}
    )
    try:
        with producers[connection].acquire(block=True, timeout=PATIENCE_S) as producer:
            current_app.send_task(
                kind, kwargs={"key": key}, producer=producer, retry=False, expires=EXPIRES_S, ignore_result=True
            )
    except (KombuError, RedisError, OSError) as error:
        _silent_until = time.monotonic() + SILENCE_S
        logger.warning("job.doorbell_silent kind=%s key=%s error=%r; the reconciler rings again", kind, key, error)
        return False
    return True


def count_listeners(queue: str) -> int:
    """Workers that take from ``queue``, besides the one this is called in. Takes a second; 0 where nobody answers."""
    connection: Any = current_app.connection_for_write(
        transport_options={**current_app.conf.broker_transport_options, **QUICK}
    )
    try:
        with connection:
            found = current_app.control.inspect(timeout=LISTEN_S, connection=connection).active_queues() or {}
    except (KombuError, RedisError, OSError) as error:
        logger.warning("job.broker_silent queue=%s error=%r", queue, error)
        return 0
    here = current_task.request.hostname if current_task else None
    return sum(any(one["name"] == queue for one in queues) for worker, queues in found.items() if worker != here)


def count_waiting(queue: str) -> int:
    """Doorbells that nobody answered yet in ``queue``. Raises KombuError, RedisError or OSError."""
    connection: Any = current_app.connection_for_write(
        transport_options={**current_app.conf.broker_transport_options, **QUICK}
    )
    with connection:
        # A passive declare would raise for an empty list, which in Redis is no list at all.
        return int(connection.default_channel._size(queue))  # noqa: SLF001

"""Rate limits, counted exactly in Redis. Redis away, slow or hanging means no limit; it never means no upload.

A moving window: of any stretch of time as long as the limit says, no more than so many are let in, with no burst at
a window's border. One script in Redis looks and counts in one step, so requests at once cannot slip through together;
what is left is the difference between the clocks of the web servers. Each count costs Redis some 20 bytes.
"""

import logging
import math
import threading
import time
from collections.abc import Sequence
from functools import lru_cache

import redis
from django.conf import settings
from limits import RateLimitItem
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from foundation.problems import Problem

log = logging.getLogger(__name__)

PATIENCE_S = 0.5  # of one request; a Redis that needs longer is treated as one that is away
SILENCE_S = 10.0  # nobody asks Redis for so long after it failed, then one request tries
UNKNOWN_WAIT_S = 60


class Breaker:
    """Remembers that Redis failed, so that not every request waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._silent_until = 0.0

    def may_try(self) -> bool:
        """Whether to ask Redis now. After a silence one caller may; the others go on without until it came back."""
        with self._lock:
            now = time.monotonic()
            if now < self._silent_until:
                return False
            if self._silent_until:
                self._silent_until = now + SILENCE_S
            return True

    def trip(self) -> None:
        """It failed, or took too long."""
        with self._lock:
            self._silent_until = time.monotonic() + SILENCE_S

    def reset(self) -> None:
        """It answered in time."""
        with self._lock:
            self._silent_until = 0.0


breaker = Breaker()


def charge(what: str, subject: str, limits: Sequence[RateLimitItem], *, cost: int = 1) -> None:
    """Count one request of ``subject``, or raise Problem ``too-many-requests`` (429, with Retry-After).

    ``what`` is the plural of what is counted ("photos"), with counters of its own; an empty ``subject`` is nobody we
    know, who is not counted. The first limit that is reached refuses, and those after it
    count nothing, so begin with the shortest.
    """
    if not limits or not subject or not breaker.may_try():
        return
    began = time.monotonic()
    try:
        refusing = next((one for one in limits if not _limiter().hit(one, what, subject, cost=cost)), None)
        wait_s = _wait_s(refusing, what, subject) if refusing else 0
    except (RedisError, OSError) as error:
        breaker.trip()
        log.warning("limit.redis_silent what=%s error=%r; nothing is limited for %s s", what, error, SILENCE_S)
        return
    if time.monotonic() - began > PATIENCE_S:
        breaker.trip()
        log.warning("limit.redis_slow what=%s; nothing is limited for %s s", what, SILENCE_S)
    else:
        breaker.reset()
    if refusing is not None:
        raise _too_many(what, refusing, wait_s)


def _wait_s(limit: RateLimitItem, what: str, subject: str) -> int:
    """Whole seconds until the oldest count of the window is forgotten."""
    reset_at = _limiter().get_window_stats(limit, what, subject).reset_time
    return min(limit.get_expiry(), max(1, math.ceil(reset_at - time.time())))


def _too_many(what: str, limit: RateLimitItem, wait_s: int) -> Problem:
    return Problem(
        "too-many-requests",
        429,
        f"Too many {what} in a short time.",
        allowed=f"{limit.amount} per {limit.multiples} {limit.GRANULARITY.name}",
        do=f"Wait {wait_s} seconds and go on; nothing is lost.",
        headers={"Retry-After": str(wait_s)},
    )


def _limiter() -> MovingWindowRateLimiter:
    return _limiter_at(settings.REDIS_URL, PATIENCE_S)


@lru_cache(maxsize=4)
def _limiter_at(url: str, patience_s: float) -> MovingWindowRateLimiter:
    pool = redis.ConnectionPool.from_url(
        url,
        socket_timeout=patience_s,
        socket_connect_timeout=patience_s,
        max_connections=10_000,  # as many as there are threads: a crowd must not look like a Redis that is away
        retry=Retry(NoBackoff(), 0),  # redis-py would try three times more
    )
    return MovingWindowRateLimiter(RedisStorage(url, connection_pool=pool, key_prefix="limit"))

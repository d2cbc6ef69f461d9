"""The cache: Redis, or this process's own memory while Redis is away."""

import logging
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class RedisOrOwnMemory(RedisCache):
    """What it holds may be forgotten: counts of attempts to sign in.

    Without Redis people still sign in, and somebody who guesses is still slowed down, by each process for itself.
    """

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        super().__init__(server, params)
        own = {name: value for name, value in params.items() if name != "OPTIONS"}
        self._own = LocMemCache("redis-is-away", own)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """As any cache."""
        return bool(self._try("add", key, value, timeout=timeout, version=version))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """As any cache."""
        return self._try("get", key, default, version=version)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """As any cache."""
        self._try("set", key, value, timeout=timeout, version=version)

    def delete(self, key: Any, version: int | None = None) -> bool:
        """As any cache."""
        return bool(self._try("delete", key, version=version))

    def _try(self, name: str, *args: Any, **kwargs: Any) -> Any:
        in_redis: Callable[..., Any] = getattr(super(), name)
        try:
            return in_redis(*args, **kwargs)
        except (RedisError, OSError) as error:
            logger.warning("cache.redis_away error=%r", error)
            return getattr(self._own, name)(*args, **kwargs)

"""The two kinds of Celery task there are, with the settings each must have."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from celery import shared_task  # noqa: TID251 -- this is the decorator that everybody else uses

P = ParamSpec("P")
R = TypeVar("R")

# Short: acknowledged after the work, so the message survives a killed worker. Twice the hard limit must stay below the
# visibility timeout (a test walks over all tasks), else Redis delivers it again while it runs. A lost child is
# retried twice: rejecting instead would loop for ever.
SHORT: dict[str, Any] = {
    "acks_late": True,
    "soft_time_limit": 60,
    "time_limit": 90,
    "retry_on_worker_lost": True,
    "max_retries": 2,
    "default_retry_delay": 1,  # seconds; Celery would wait three minutes
}
# Long: acknowledged before the work, for Redis would deliver an unacknowledged message again after ten minutes. The
# lease in the row is what brings the job back. The wall limit is the supervisor's business.
LONG: dict[str, Any] = {"acks_late": False, "soft_time_limit": None, "time_limit": None, "max_retries": 0}


def task(name: str, *, long: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a Celery task with the settings of a short (default) or a long one. Its queue: config/celery.py."""
    return shared_task(name=name, ignore_result=True, **(LONG if long else SHORT))

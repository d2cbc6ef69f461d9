"""Threads that start together, each with a connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from foundation.problems import Problem


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """What each action returned, or the Problem it raised; they start together."""
    together = threading.Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:
        try:
            together.wait(20)
            return action()
        except Problem as problem:
            return problem
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(run, actions))

"""A supervisor in a process of its own that meets its end where a test says so."""

import os
import resource
import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.db import connection, connections

from foundation.models import Job
from training.domain import nights
from training.domain.shifts import Told
from training.models import Run

KILLED = -signal.SIGKILL
WRITES = ("INSERT", "UPDATE", "DELETE")


def run_forked(run: Run, prepare: Callable[[ExitStack], Callable[[Told], None]]) -> int:
    """``nights.run_night`` in a fork; ``prepare`` returns who listens. The exit status, negative for a signal."""
    connections.close_all()  # a connection does not bear two processes
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            with ExitStack() as stack:
                nights.run_night(run.pk, listen=prepare(stack))
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_before_write(number: int) -> Callable[[ExitStack], Callable[[Told], None]]:
    """kill -9 right before the ``number``-th statement that changes anything but the claim (from 0)."""

    def prepare(stack: ExitStack) -> Callable[[Told], None]:
        seen = -1

        def watch(execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
            nonlocal seen
            if sql.startswith(WRITES):
                seen += 1
                if seen == number + 1:  # the first is the claim
                    os.kill(os.getpid(), signal.SIGKILL)
            return execute(sql, params, many, context)

        stack.enter_context(connection.execute_wrapper(watch))
        return lambda told: None

    return prepare


def with_files_at_most(size: int, *, from_stage: str, message: str) -> Callable[[ExitStack], Callable[[Told], None]]:
    """No file may grow beyond ``size`` bytes once the night says so: as on a disk that is full, from then on."""

    def prepare(stack: ExitStack) -> Callable[[Told], None]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        def listen(told: Told) -> None:
            if (told.stage, told.message) == (from_stage, message):
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        return listen

    return prepare


def forgive(run: Run) -> None:
    """Attempts count anew, as when a person asks for the night again: it shall bear more than three kills."""
    Job.objects.filter(key=str(run.pk)).update(attempts=0)

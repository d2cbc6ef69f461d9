"""File locks that end with the process that holds them, even by kill -9."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STEP_S = 0.05


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """Lock ``path`` now and return the descriptor that holds it; None where somebody else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def wait_lock(path: Path, *, shared: bool = False, timeout_s: float) -> int:
    """Lock ``path``, waiting at most ``timeout_s``. Raises TimeoutError."""
    end = time.monotonic() + timeout_s
    while (descriptor := try_lock(path, shared=shared)) is None:
        if time.monotonic() > end:
            raise TimeoutError(f"{path} stayed locked for {timeout_s:.0f} s")
        time.sleep(STEP_S)
    return descriptor


@contextmanager
def locked(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold ``path`` alone for the length of the block."""
    descriptor = wait_lock(path, timeout_s=timeout_s)
    try:
        yield
    finally:
        os.close(descriptor)

"""Who holds a lease: host:pid:start. On this host, one can tell at once whether that process still lives."""

import os
import socket
import sys
from functools import lru_cache
from pathlib import Path

import psutil


def this_owner() -> str:
    """The name of this process, unlike any other's, now or later."""
    return f"{_host()}:{os.getpid()}:{_started(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether ``owner`` was a process of this host that is gone. False where that cannot be told."""
    rest, _, started = owner.rpartition(":")
    host, _, pid = rest.rpartition(":")
    if host != _host() or not pid.isdigit():
        return False
    found = _started(int(pid))
    return found != started if found is not None else not _exists(int(pid))


@lru_cache(maxsize=1)
def _host() -> str:
    """Name, boot and process namespace: containers share a boot but do not see each other's processes."""
    if sys.platform != "linux":
        return f"{socket.gethostname()}/{psutil.boot_time():.0f}"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    return f"{socket.gethostname()[:80]}/{boot}/{namespace}"


def _started(pid: int) -> str | None:
    """When the process started; empty where only a zombie is left, None where there is nothing to be seen.

    In clock ticks since boot: wall time would move when the clock is set, and a live owner would look dead.
    """
    if sys.platform != "linux":
        try:
            return f"{psutil.Process(pid).create_time():.2f}"
        except psutil.NoSuchProcess:
            return None
    try:
        # The second field is the program's name in brackets, and may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _exists(pid: int) -> bool:
    """Whether there is such a process, even one of another account that /proc hides (mounted with hidepid)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""Takes away from the child all that decoding does not need, once and for ever, and says what worked."""

import ctypes
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable

from collector.normaliser import seccomp

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER_NEWNET = 0x10000000 | 0x40000000
# A 50-megapixel WebP needs 0.8 GB while it is decoded, the interpreter and the decoders 0.2 GB of addresses.
MEMORY_BYTES = 1_300_000_000
CPU_S = 600  # for the whole life of a child; the parent's clock limits each photo
LIMITS = {
    "memory": (resource.RLIMIT_AS, MEMORY_BYTES),
    "cpu": (resource.RLIMIT_CPU, CPU_S),
    "files": (resource.RLIMIT_NOFILE, 16),
    "file size": (resource.RLIMIT_FSIZE, 0),
    "core dumps": (resource.RLIMIT_CORE, 0),
}

Protection = tuple[str, bool, str]  # name, is it on, detail


def lock_down(parent: int) -> list[Protection]:
    """Lock this process down and prove it. ``parent`` is the process id whose death must be ours."""
    found = [
        _try("own network namespace", _leave_network),
        _try("dies with its worker", lambda: _die_with(parent)),
        _try("no new privileges", lambda: _prctl(PR_SET_NO_NEW_PRIVS, 1)),
        _try("resource limits", _set_limits),
        _try("system call filter", seccomp.install),
    ]
    proofs = {"no files": _open_file, "no sockets": _open_socket, "no processes": _fork}
    return found + [_prove(name, attempt) for name, attempt in proofs.items()]


def _try(name: str, action: Callable[[], str]) -> Protection:
    try:
        return name, True, action()
    except (OSError, ValueError, AttributeError) as error:
        return name, False, str(error)


def _prove(name: str, attempt: Callable[[], None]) -> Protection:
    try:
        attempt()
    except OSError as error:
        return name, True, f"tried: {error.strerror}"
    return name, False, "tried, and it was allowed"


def _leave_network() -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "the system allows no new namespace; the system call filter still holds")
    return "no interface but an unconfigured loopback"


def _die_with(parent: int) -> str:
    # After the namespace: new credentials clear the signal. Before the check: the parent may be gone already.
    detail = _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the worker is gone")
    return detail


def _prctl(option: int, value: int) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "set"


def _set_limits() -> str:
    for which, value in LIMITS.values():
        _, hard = resource.getrlimit(which)
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (wanted, wanted))
    return f"{MEMORY_BYTES // 1_000_000} MB of memory, no file, no core dump"


def _open_file() -> None:
    os.close(os.open("/dev/null", os.O_RDONLY))


def _open_socket() -> None:
    socket.socket().close()


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()

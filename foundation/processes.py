"""How child processes are started here: they die with their parent, and servers never run as root."""

import ctypes
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ACCOUNT = "daybreak"  # made on demand, and only when root starts the services
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS = 1, 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class Account:
    """Who a server runs as. ``crosses``: it must pass folders closed to it, such as a home below /root."""

    uid: int
    gid: int
    crosses: bool = False


def die_with_parent(sig: int = signal.SIGTERM) -> Callable[[], None]:
    """A ``preexec_fn`` after which the child gets ``sig`` when the *thread* that started it ends, even by kill -9."""
    if sys.platform != "linux":
        return lambda: None
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)  # loaded before the fork: loading after it may deadlock

    def arm() -> None:
        libc.prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0)
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return arm


def follow(parent: int, sig: int = signal.SIGKILL) -> None:
    """Have *this* process die with ``parent``; for children that others forked."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def service_account(paths: list[Path], owner: int | None) -> Account | None:
    """The account for the servers; None when we are not root, and so are it ourselves.

    PostgreSQL refuses to run as root. ``owner``: who owns the data already, kept where it is not root.
    ``paths``: what the account must reach.
    """
    if os.geteuid() != 0:
        return None
    crosses = not all(_is_open(path) for path in paths)
    if owner:
        return Account(owner, _group_of(owner), crosses)
    entry = _find_or_make_account()
    return Account(entry.pw_uid, entry.pw_gid, crosses)


def become(account: Account | None, sig: int) -> Callable[[], None]:
    """A ``preexec_fn``: change to ``account`` and die with the parent (in this order, for the change clears it)."""
    arm = die_with_parent(sig)
    if account is None:
        return arm
    libc = ctypes.CDLL(None, use_errno=True)
    keep = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(keep, keep, keep, 0, 0, 0)  # effective, permitted, inheritable; low then high words

    def change() -> None:
        if account.crosses:
            libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
        if account.crosses:  # tried, not required: without it the server says which folder it cannot enter
            libc.capset(ctypes.byref(header), ctypes.byref(sets))
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
        arm()

    return change


def _is_open(path: Path) -> bool:
    """Whether every account may read ``path`` and walk to it."""
    readable = bool(path.stat().st_mode & 0o004)
    return readable and all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def _group_of(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid


def _find_or_make_account() -> pwd.struct_passwd:
    """Find or make the system account; ``nobody`` where the machine does not let us make one.

    One process at a time: of two ``useradd`` at once, one may take back a number that the other has read.
    """
    folder = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        for attempt in (True, False):
            try:
                return pwd.getpwnam(ACCOUNT)
            except KeyError:
                useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")
                if attempt and useradd:
                    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
                    subprocess.run(command, check=False, capture_output=True)
        return pwd.getpwnam("nobody")
    finally:
        os.close(folder)

"""The side of the processes that use the services: hold the shared lock, see that a keeper runs."""

import os
import subprocess
import sys
import time
from pathlib import Path

from foundation.services import addresses, folders, locks, postgres, redis
from foundation.services.errors import ServicesError

START_S = 120.0  # initdb on a slow disk, or the recovery of a large database
REPOSITORY = Path(__file__).resolve().parent.parent.parent

_held: dict[Path, int] = {}


def ensure(home: Path) -> int:
    """Start or reuse the services of ``home`` and keep them until this process ends, however it ends.

    Returns the descriptor of the shared lock: a process that inherits it keeps the services too.
    Raises ServicesError. Safe to call from several processes at once.
    """
    home = home.resolve()
    if home in _held:
        return _held[home]
    folders.prepare_home(home)
    held: int | None = None
    try:
        # A keeper that is just stopping has it alone; it is soon done.
        held = locks.wait_lock(home / "run" / "users.lock", shared=True, timeout_s=START_S)
        with locks.locked(home / "run" / "start.lock", timeout_s=START_S):
            if not _answer(home):
                _start_keeper(home)
        _held[home] = held
    except TimeoutError as error:
        raise ServicesError(
            f"The embedded services are busy: {error}.",
            value=home,
            allowed=f"at most {START_S:.0f} s to start or stop",
            do=f"see {home / 'logs'}, end the process that holds the lock, and start again",
        ) from error
    finally:
        if held is not None and home not in _held:
            os.close(held)
    return _held[home]


def release(home: Path, *, wait_s: float = 0.0) -> bool:
    """Give the services up before this process ends; True once they are stopped (after at most ``wait_s``)."""
    held = _held.pop(home.resolve(), None)
    if held is not None:
        os.close(held)
    end = time.monotonic() + wait_s
    if not (home / "run").exists():
        return True
    while (lock := locks.try_lock(home / "run" / "keeper.lock")) is None:
        if time.monotonic() >= end:
            return False
        time.sleep(locks.STEP_S)
    os.close(lock)
    return True


def _answer(home: Path) -> bool:
    return redis.answers(home) and postgres.answers(home, database=addresses.DATABASE)


def _start_keeper(home: Path) -> None:
    ready, failure = home / "run" / "ready", home / "run" / "failure"
    for told in (ready, failure):
        told.unlink(missing_ok=True)
    with (home / "logs" / "keeper.log").open("ab") as log:
        # The command detaches itself and ends at once, so the keeper is nobody's child and leaves no zombie.
        subprocess.run(
            [sys.executable, "-m", "foundation.services", "--home", home, "keep"],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=REPOSITORY,
            start_new_session=True,
        )
    end = time.monotonic() + START_S
    while not ready.exists():
        if failure.exists():
            raise ServicesError.from_text(failure.read_text())
        if time.monotonic() > end:
            raise TimeoutError(f"no answer after {START_S:.0f} s")
        time.sleep(locks.STEP_S)

"""The keeper: one process a home that starts the services, restarts what dies, and stops all when nobody uses them.

Three lock files in ``home/run`` carry the whole protocol, and the kernel releases them whatever kills a process:
``users.lock`` shared by every process that uses the services; the keeper stops once it can have it alone.
``keeper.lock`` held by the keeper and, inherited, by its services: a new keeper starts only after all of them are gone.
``start.lock`` held while somebody looks whether to start a keeper (users.py).
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from foundation.processes import Account, service_account
from foundation.services import addresses, folders, locks, postgres, redis
from foundation.services.errors import ServicesError

POLL_S = 0.25
READY_S = 60.0  # crash recovery of a large database may take long
PREDECESSOR_S = 30.0
RESTARTS = 8  # of one keeper's life; more means that something is broken for good


def keep(home: Path) -> None:
    """Run the services of ``home`` until nobody holds ``users.lock``. Raises ServicesError; leaves no child behind."""
    lock = _become_the_keeper(home)
    if lock is None:
        return
    account = service_account([postgres.programs() / "postgres", redis.program(), home], _owner(home))
    folders.require_space(home, first=False)
    sockets = addresses.socket_folder(home)
    folders.own_folder(sockets, *((account.uid, account.gid) if account else (os.geteuid(), os.getegid())))
    services = Services(home, account, lock)
    alone: int | None = None
    try:
        postgres.prepare(home, account)
        redis.prepare(home, account)
        services.start("redis")
        services.start("postgres")
        postgres.make_database(home)
        (home / "run" / "ready").touch()
        alone = _watch(home, services)
    except subprocess.SubprocessError as error:  # before the program ran: the change of account failed
        raise ServicesError(
            "PostgreSQL refuses to run as root, and this process may not become another account.",
            value=f"{account}, for {home}",
            allowed="an ordinary user, or root that may change its account",
            do="run this as an ordinary user, or set DATABASE_URL and REDIS_URL to servers of yours",
        ) from error
    finally:
        services.stop()
        shutil.rmtree(sockets, ignore_errors=True)
        if alone is not None:
            os.close(alone)  # only now may the next user go on, and start a new keeper


def _become_the_keeper(home: Path) -> int | None:
    """Take ``keeper.lock``; None when another keeper serves already."""
    end = time.monotonic() + PREDECESSOR_S
    while (lock := locks.try_lock(home / "run" / "keeper.lock")) is None:
        if postgres.answers(home) and redis.answers(home):
            (home / "run" / "ready").touch()
            return None
        if time.monotonic() > end:
            raise ServicesError(
                "An earlier PostgreSQL or Redis of this home neither answers nor ends.",
                value=home,
                allowed="one set of services a home",
                do=f"look for it with: ps ax | grep {home} ; stop it, and start again",
            )
        time.sleep(POLL_S)
    return lock


def _owner(home: Path) -> int | None:
    """Who owns the data already."""
    data = postgres.data_folder(home)
    return data.stat().st_uid if data.exists() else None


class Services:
    """The running servers of one home."""

    def __init__(self, home: Path, account: Account | None, lock: int) -> None:
        self._home = home
        self._account = account
        self._lock = lock
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a server and wait until it answers. Raises ServicesError."""
        server = postgres if name == "postgres" else redis
        self._running[name] = process = server.start(self._home, self._account, self._lock)
        end = time.monotonic() + READY_S
        while not server.answers(self._home):
            if process.poll() is not None or time.monotonic() > end:
                raise _not_started(name, self._home / "logs" / f"{name}.log")
            time.sleep(0.05)

    def dead(self) -> list[str]:
        """The servers that ended."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def stop(self) -> None:
        """Stop both, kindly first."""
        for name, signals in (("postgres", postgres.STOP_SIGNALS), ("redis", redis.STOP_SIGNALS)):
            if name in self._running:
                _stop(self._running[name], signals)


def _watch(home: Path, services: Services) -> int | None:
    """Wait until nobody uses the services, starting again what dies.

    Returns the descriptor that now holds ``users.lock`` alone, or None after SIGTERM. Raises ServicesError.
    """
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: stopping.append(number))
    restarts = 0
    while not stopping:
        if (alone := locks.try_lock(home / "run" / "users.lock")) is not None:
            return alone
        for name in services.dead():
            restarts += 1
            time.sleep(POLL_S * restarts)
            try:
                services.start(name)
            except ServicesError:  # what is left of a killed PostgreSQL may still be ending
                if restarts >= RESTARTS:
                    raise
        time.sleep(POLL_S)
    return None


def _stop(process: subprocess.Popen[bytes], signals: tuple[tuple[signal.Signals, float], ...]) -> None:
    for number, patience_s in signals:
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
        return


def _not_started(name: str, log: Path, size: int = 1500) -> ServicesError:
    tail = log.read_bytes()[-size:].decode(errors="replace").strip()
    return ServicesError(
        f"The embedded {name} did not start. Its log ends:\n{tail}",
        value=log,
        allowed="a server that answers within a minute",
        do="mend what the log says; to start afresh, move the home away",
    )

"""Processes that use the embedded services, as tests need them: started, watched, killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, "-m", "foundation.services"]


def wait_for(what: Callable[[], object], *, timeout_s: float = 30.0) -> None:
    """Wait until ``what()`` is true."""
    end = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < end, f"waited {timeout_s} s in vain for {what}"
        time.sleep(0.05)


def processes_of(home: Path) -> list[psutil.Process]:
    """Everything that runs for ``home``: keeper, servers, and PostgreSQL's own children."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if str(home) in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found |= {each.pid: each for each in (process, *process.children(recursive=True))}
        except psutil.NoSuchProcess:
            continue
    found.pop(os.getpid(), None)
    return list(found.values())


def command_of(home: Path, word: str) -> list[psutil.Process]:
    """The processes of ``home`` with ``word`` in their command line."""
    return [process for process in processes_of(home) if word in " ".join(process.cmdline())]


class User:
    """A process that uses the services of ``home`` until it is told to end."""

    def __init__(self, home: Path) -> None:
        command = [*RUN, "--home", str(home), "run", "--", "sh", "-c", "echo up; read line; exit 7"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_until_up(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "up\n"

    def end(self) -> int:
        self.process.communicate("go\n", timeout=10)
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def use() -> Iterator[Callable[[Path], User]]:
    """Call it with a home; whoever still runs at the end is killed."""
    users: list[User] = []

    def start(home: Path) -> User:
        users.append(User(home))
        return users[-1]

    yield start
    for user in users:
        if user.process.poll() is None:
            user.kill()


@pytest.fixture
def empty_broker() -> None:
    """No doorbell of an earlier test rings in this one."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()


@pytest.fixture(scope="session")
def environment(django_db_setup: None) -> dict[str, str]:
    """The environment of a process that shall see the tests' database."""
    database = settings.DATABASES["default"]
    host = str(database["HOST"]).replace("/", "%2F")
    url = f"postgresql://{database['USER']}@{host}/{database['NAME']}"
    return {**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(ROOT)}

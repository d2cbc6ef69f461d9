"""Tasks for the tests of jobs, loaded by a real worker (workers.py).

Each writes what it did to DIARY, a file named by the environment: a line is appended whole or not at all.
"""

import os
import signal
import time
from pathlib import Path

from django.db import transaction

from foundation import jobs


def note(line: str) -> None:
    with Path(os.environ["DIARY"]).open("a") as diary:
        diary.write(line + "\n")


def do_once(kind: str, key: str, seconds: float = 0.0) -> None:
    lease = jobs.claim(kind, key)
    if lease is None:
        note(f"refused {key}")
        return
    with jobs.holding(lease):
        note(f"began {key} {os.getpid()}")
        time.sleep(seconds)
        with transaction.atomic():
            jobs.require(lease)
            note(f"did {key}")
            jobs.finish(lease)


@jobs.task("tests.quick")
def quick(key: str) -> None:
    do_once("tests.quick", key)


@jobs.task("tests.second")
def second(key: str) -> None:
    do_once("tests.second", key, seconds=1.0)


@jobs.task("tests.poison")
def poison(key: str) -> None:
    lease = jobs.claim("tests.poison", key)
    if lease is not None:
        note(f"began {key}")
        os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when memory runs out


@jobs.task("tests.wrong")
def wrong(key: str) -> None:
    lease = jobs.claim("tests.wrong", key)
    if lease is not None:
        with jobs.holding(lease):
            raise ValueError("no such photo")

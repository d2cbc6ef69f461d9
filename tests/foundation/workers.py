"""A real Celery worker for the tests of jobs."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from tests.foundation.conftest import ROOT, wait_for

COMMAND = [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "-I", "tests.foundation.doorbells"]
COMMAND += ["-Q", "default", "--without-gossip", "--without-mingle", "-c", "2", "--loglevel", "INFO"]


class Worker:
    """A worker with two processes that writes what it does into a diary."""

    def __init__(self, number: int, diary: Path, environment: dict[str, str]) -> None:
        self.diary = diary
        diary.touch()
        self.log = diary.with_name(f"worker-{number}.log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "-n", f"test-{number}-{os.getpid()}@%h"],
                cwd=ROOT,
                env={**environment, "DIARY": str(diary)},
                stdout=log,
                stderr=log,
            )
        wait_for(lambda: "ready." in self.log.read_text(), timeout_s=30)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def lines(diary: Path, word: str = "") -> list[str]:
    """What the workers did, or the part of it that begins with ``word``."""
    return [line for line in diary.read_text().splitlines() if line.startswith(word)]

"""Processes of one night, watched from outside: each with a log of its own, and their children found by name."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from django.conf import settings

from tests.training import nights_kit as kit

PATIENCE_S = 150


class Battlefield:
    """Processes of one night, each with a log of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        log = (self.folder / f"{len(self.started)}.log").open("wb")
        self.started.append(
            subprocess.Popen(
                command, cwd=kit.ROOT, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        )
        return self.started[-1]

    def log(self, process: "subprocess.Popen[bytes]") -> str:
        return (self.folder / f"{self.started.index(process)}.log").read_text()

    def logs(self) -> str:
        return "\n".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in sorted(self.folder.glob("*.log")))

    def wait_for(self, what: Callable[[], object], say: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < until, f"waited {PATIENCE_S} s in vain until {say}\n{self.logs()}"
            time.sleep(0.05)

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()


def find_child(stage: str) -> psutil.Process | None:
    """Our process of a stage, once it has become the stage's command; others may train on this machine too."""
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if command[1:4] == ["-m", "training.ml", stage] and str(settings.DAYBREAK_HOME) in " ".join(command):
                return process
        except psutil.Error:
            continue
    return None


def find_workers_in_folders() -> list[int]:
    """Every process that was given a night's folder to work in."""
    found = []
    root = str(Path(settings.DAYBREAK_HOME) / "work")
    for process in psutil.process_iter():
        try:
            if process.environ().get("DAYBREAK_WORK", "").startswith(root) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def work_folders() -> list[str]:
    return [folder.name for folder in (Path(settings.DAYBREAK_HOME) / "work").iterdir()]

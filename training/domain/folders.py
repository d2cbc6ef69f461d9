"""The folder a job works in: one for each claim, gone at the end, and swept where a killed owner left it."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from django.conf import settings

from foundation import jobs
from foundation.enums import JobState

KIND = "training.run_night"
SHARD = "training.embed_shard"
TIDY = "training.tidy_features"
NAMES = {KIND: "run", SHARD: "shard", TIDY: "tidy"}  # what the folders of a kind of job are called
KINDS = {name: kind for kind, name in NAMES.items()}
OWNER = "supervisor.pid"
NAME = re.compile(r"(?P<name>run|shard|tidy)-(?P<key>\d+)-(?P<fencing>\d+)")


@contextmanager
def work_folder(lease: jobs.Lease) -> Iterator[Path]:
    """``DAYBREAK_HOME/work/run-<id>-<fencing>``, private to this claim. Sweeps what earlier claims left behind."""
    root = _root()
    sweep(root)
    work = root / f"{NAMES[lease.kind]}-{lease.key}-{lease.fencing}"
    work.mkdir()
    (work / OWNER).write_text(str(os.getpid()), "ascii")
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def sweep(root: Path) -> None:
    """Removes folders whose claim is over, after ending whatever of theirs still runs on this host."""
    for folder in root.iterdir():
        match = NAME.fullmatch(folder.name)
        if match and not _is_claimed(KINDS[match["name"]], match["key"], int(match["fencing"])):
            end_strays(folder)
            shutil.rmtree(folder, ignore_errors=True)


def end_strays(folder: Path) -> None:
    """Kills processes that work in a folder given up: stages die with their supervisor, what they started may not."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("DAYBREAK_WORK") == str(folder):
                process.kill()
        except psutil.Error:  # gone meanwhile, or not ours to look at
            continue


def stop_nights_of_children() -> None:
    """Asks the nights and shards that this process's children supervise to stop and give their jobs back."""
    children = {child.pid for child in psutil.Process().children(recursive=True)}
    owners = {_read_owner(note) for kind in (KIND, SHARD) for note in _root().glob(f"{NAMES[kind]}-*/{OWNER}")}
    for pid in children & owners:  # each once, also one that does a shard of its own night: a second signal would kill
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _read_owner(note: Path) -> int:
    """The process that works in a folder; 0 where it ended this very moment."""
    try:
        return int(note.read_text("ascii"))
    except (OSError, ValueError):
        return 0


def _root() -> Path:
    root = Path(settings.DAYBREAK_HOME) / "work"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root


def _is_claimed(kind: str, key: str, fencing: int) -> bool:
    job = jobs.find(kind, key)
    return job is not None and job.state == JobState.RUNNING and job.fencing == fencing

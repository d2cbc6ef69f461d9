"""The review queue among a million photos against the same among a thousand, over HTTP, with leases held by twenty.

Two databases in one embedded PostgreSQL, a web process on each, and the same requests to both in turn, so that both
meet the machine in the same mood. BENCH_PHOTOS sets the large number; BENCH_HOME keeps the databases for the next run.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.databases import sibling
from benchmarks.lines import emit
from benchmarks.queues.asking import Asked, ask
from benchmarks.serving import serving
from foundation import services

SMALL, LARGE = 1_000, 1_000_000
TARGET = 2.0  # p95 of the large by p95 of the small


def main() -> bool:
    """Fills, asks, explains; returns whether every page stayed within the target and no plan reads all photos."""
    kept = os.environ.get("BENCH_HOME")
    home = Path(kept or tempfile.mkdtemp(prefix="daybreak-queues-"))
    photos = {"small": SMALL, "large": int(os.environ.get("BENCH_PHOTOS", LARGE))}
    os.environ["DAYBREAK_HOME"] = str(home)
    services.ensure(home)
    database = services.urls(home).database
    try:
        envs = {name: _prepare(name, count, database, home) for name, count in photos.items()}
        with _serving(envs["small"]) as small, _serving(envs["large"]) as large:
            facts = {name: _child("facts", env) for name, env in envs.items()}
            asked = ask(small, large, facts["small"], facts["large"])
        return _report(asked, _child("plans", envs["large"]))
    finally:
        services.release(home, wait_s=20)
        if not kept:
            shutil.rmtree(home, ignore_errors=True)


def _prepare(name: str, photos: int, url: str, home: Path) -> dict[str, str]:
    """An environment with a database of that many photos."""
    env = {**os.environ, "DAYBREAK_HOME": str(home), "DATABASE_URL": sibling(url, f"queues_{name}_{photos}")}
    env |= {"DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "WARNING"}
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "benchmarks.queues.filling", str(photos)], env=env, check=True)
    print(f"{name}: {photos} photos after {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return env


@contextmanager
def _serving(env: dict[str, str]) -> Iterator[httpx.Client]:
    with serving(workers=1, threads=2, env=env) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def _child(module: str, env: dict[str, str]) -> Any:
    command = [sys.executable, "-m", f"benchmarks.queues.{module}"]
    return json.loads(subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _report(asked: list[Asked], plans: dict[str, list[str]]) -> bool:
    met = True
    for one in asked:
        ratio = one.large_p95 / one.small_p95
        is_met = ratio <= TARGET
        met &= is_met
        emit(
            f"queues: p95 ms of {one.name}",
            round(one.large_p95 * 1000, 1),
            baseline=round(one.small_p95 * 1000, 1),
            ratio=round(ratio, 2),
            target=TARGET,
            met=is_met,
        )
    scans = sum(len(found) for found in plans.values())
    for name, found in plans.items():
        for plan in found:
            print(f"{name} reads all photos:\n{plan}", file=sys.stderr, flush=True)
    emit("queues: plans that read all photos", scans, target=0, met=scans == 0)
    return met and scans == 0

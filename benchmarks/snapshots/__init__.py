"""Freezing a snapshot of a thousand, a hundred thousand and a million photos: time a photo, and memory.

Each in a database and a process of its own, made by the database itself. BENCH_PHOTOS sets the largest number.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.databases import sibling
from benchmarks.lines import emit
from foundation import services

SIZES = (1_000, 100_000, 1_000_000)
MOST_TIME = 1.5  # CPU a photo, a million to a hundred thousand
MOST_MEMORY = 1.5  # peak of the process, a million to a hundred thousand


def main() -> bool:
    """Prints the figures; returns whether time a photo and memory stayed within the targets."""
    home = Path(tempfile.mkdtemp(prefix="daybreak-snapshots-"))
    os.environ["DAYBREAK_HOME"] = str(home)
    services.ensure(home)
    largest = int(os.environ.get("BENCH_PHOTOS", SIZES[-1]))
    try:
        sizes = sorted({min(size, largest) for size in SIZES})
        found = [_freeze(size, services.urls(home).database, home) for size in sizes]
        return _report(sizes, found)
    finally:
        services.release(home, wait_s=20)
        shutil.rmtree(home, ignore_errors=True)


def _freeze(photos: int, url: str, home: Path) -> dict[str, Any]:
    env = {**os.environ, "DAYBREAK_HOME": str(home), "DATABASE_URL": sibling(url, f"snapshots_{photos}")}
    env |= {"DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "benchmarks.snapshots.freezing", str(photos)]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    print(f"{photos} photos: {found}", file=sys.stderr, flush=True)
    return found


def _report(sizes: list[int], found: list[dict[str, Any]]) -> bool:
    met = True
    for place, (photos, one) in enumerate(zip(sizes, found, strict=True)):
        is_last = 0 < place == len(sizes) - 1
        for name, figure, target in (("CPU µs a photo", "us", MOST_TIME), ("peak MB", "mb", MOST_MEMORY)):
            before = _figures(found[place - 1])[figure] if place else None
            met &= _emit(f"{name}, {photos:,} photos", _figures(one)[figure], before, target if is_last else None)
    return met


def _emit(name: str, value: float, baseline: float | None, target: float | None) -> bool:
    """Prints a figure beside that of the next smaller size; whether it is what it must be."""
    ratio = round(value / baseline, 2) if baseline else None
    met = ratio <= target if ratio is not None and target is not None else None
    compared = round(baseline, 1) if baseline else None
    emit(f"snapshots: {name}", round(value, 1), baseline=compared, ratio=ratio, target=target, met=met)
    return met is not False


def _figures(one: dict[str, Any]) -> dict[str, float]:
    return {"us": 1e6 * one["cpu_seconds"] / (one["photos"] + one["left_out"]), "mb": one["peak_mb"]}

"""The gate judged: how often it publishes a model whose true difference from production is known.

2,000 simulated nights a line, through ``gates.decide``, golden sets drawn from real answers by volunteer. "better" is
the plain case, "smaller" a candidate whose files are smaller too, which may be published when it is no worse by the
margin; a new label opens the same door. GATE_PAGE=docs/gate.md also writes the page's tables anew; BENCH_WORK keeps the
real answers, which take minutes to make.
"""

import os
import tempfile
from pathlib import Path

from benchmarks.digits import shared_data
from benchmarks.gate.answers import RIVAL, read_or_make
from benchmarks.gate.nights import Photos, Pool, Size, draw_nights, make_candidate, make_pool
from benchmarks.gate.page import Cell, say, write_page
from benchmarks.lines import emit, skip
from training.domain import gates
from training.domain.comparing import Answer
from training.domain.gates import Candidate, Evidence
from training.enums import GateDecision

NIGHTS = 2000
MARGIN = 0.01  # a project's default
SEED = 20_000_101
SIZES = (Size(100), Size(350), Size(1000), Size(2000), Size(5000))
BUSY = (Size(350, 50), Size(2000, 50))  # few volunteers with fifty photos each
BASES = {-3.0: "weakest", -2.0: "weak", -1.0: "weak", 0.0: RIVAL, 1.0: "strong", 2.0: "strong", 3.0: "strong"}
MOST_WRONG, LEAST_POWER = 0.05, 0.8
OLD, NEW = 1000, 900  # bytes


def main() -> bool:
    """Prints every cell; returns whether every target was met."""
    shared = shared_data()
    if not (shared / "sign-digits" / "manifest.csv").is_file():
        skip("gate", f"There is no sign-digits/manifest.csv in {shared}; DAYBREAK_SHARED_DATA may name another folder.")
        return True
    work = Path(os.environ.get("BENCH_WORK") or tempfile.gettempdir())
    pool = make_pool(read_or_make(work / "daybreak-gate-answers.csv", shared))
    cells = [cell for size in (*SIZES, *BUSY) for cell in _judge(pool, size)]
    if page := os.environ.get("GATE_PAGE"):
        write_page(Path(page), cells)
    met = [_emit(cell) for cell in cells]
    return all(met)


def _judge(pool: Pool, size: Size) -> list[Cell]:
    """All candidates on the same nights."""
    made = {points: make_candidate(pool, base, points) for points, base in BASES.items()}
    photos = {points: Photos(pool, answers) for points, (answers, _) in made.items()}
    counts = {points: [0, 0, 0, 0] for points in made}
    people = 0
    for places, times in draw_nights(pool, size, NIGHTS, SEED):
        for points, one in photos.items():
            answers = one.take(places, times)
            verdict = gates.decide(_evidence(answers))
            is_out = verdict.decision == GateDecision.PUBLISH
            counts[points][0] += is_out and verdict.why.startswith("better")
            counts[points][1] += is_out
            counts[points][2] += "fallen_labels" in verdict.figures
            counts[points][3] += verdict.figures["lower_bound"] > points / 100
        people += len({one.volunteer for one in answers})
    return [
        Cell(
            size.photos, round(people / NIGHTS), points, made[points][1], *(count / NIGHTS for count in counts[points])
        )
        for points in made
    ]


def _evidence(answers: list[Answer]) -> Evidence:
    labels = [str(digit) for digit in range(10)]
    return Evidence(answers, [Candidate("litert int8", NEW, 0.0)], labels, MARGIN, labels, {"litert int8": OLD})


def _emit(cell: Cell) -> bool:
    """Prints a cell's figures; whether those with a target met it."""
    where = f"gate, {cell.photos} golden photos by {cell.people} volunteers, {say(cell.points)}"
    met = [
        _line(f"{where}: published as better", cell.better, _target(cell)),
        _line(f"{where}: published when smaller", cell.smaller, _target(cell)),
        _line(f"{where}: kept for a fallen label", cell.fallen, None),
        _line(f"{where}: bound above the truth", cell.over, None),
    ]
    return all(met)


def _target(cell: Cell) -> float | None:
    """What the share of published nights may or must be, if anything."""
    if cell.points <= -2:
        return MOST_WRONG
    return LEAST_POWER if cell.points >= 3 and cell.photos >= 2000 else None


def _line(name: str, value: float, target: float | None) -> bool:
    met = None if target is None else value <= target if target == MOST_WRONG else value >= target
    emit(name, round(value, 4), target=target, met=met)
    return met is not False

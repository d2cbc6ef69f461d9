"""The gate judged: how often it publishes a model whose true difference from production is known.

2,000 simulated nights a line, through ``gates.decide``, golden sets drawn from real answers by volunteer. "better" is
the plain case, "smaller" a candidate whose files are smaller too, which may be published when it is no worse by the
margin; a new label opens the same door. GATE_PAGE=docs/gate.md also writes the page's tables anew; BENCH_WORK keeps the
real answers, which take minutes to make.
"""

import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.digits import shared_data
from benchmarks.gate.answers import RIVAL, read_or_make
from benchmarks.gate.nights import Kind, Photos, Pool, Size, draw_nights, make_candidate, make_pool
from benchmarks.gate.page import Cell, write_page
from benchmarks.lines import emit, skip
from training.domain import gates
from training.domain.comparing import Answer
from training.domain.gates import Candidate, Evidence, Verdict
from training.enums import GateDecision

NIGHTS = 2000
MARGIN = 0.01  # a project's default
SEED = 20_000_101
SIZES = (Size(100), Size(350), Size(1000), Size(2000), Size(5000))
BUSY = (Size(350, 50), Size(2000, 50))  # few volunteers with fifty photos each
FEW = (Size(40, 10), Size(100, 25), Size(352, 88), Size(176, 88))  # four volunteers, and two: too few to be resampled
KINDS = (  # how much better, and which real model stands behind it; production itself: alike but for those points
    Kind(-2.0, "weak"), Kind(-2.0, "production"), Kind(-1.0, "weak"), Kind(0.0, RIVAL),
    Kind(1.0, "strong"), Kind(2.0, "strong"), Kind(3.0, "strong"),
)  # fmt: skip
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
    cells = [cell for size in (*SIZES, *BUSY, *FEW) for cell in _judge(pool, size)]
    if page := os.environ.get("GATE_PAGE"):
        write_page(Path(page), cells)
    met = [_emit(cell) for cell in cells]
    return all(met)


def _judge(pool: Pool, size: Size) -> list[Cell]:
    """All candidates on the same nights."""
    made = {kind: make_candidate(pool, kind.base, kind.points) for kind in KINDS}
    photos = {kind: Photos(pool, answers) for kind, (answers, _) in made.items()}
    nights: dict[Kind, list[tuple[bool, bool, bool, bool]]] = {kind: [] for kind in KINDS}
    people = 0
    for places, times in draw_nights(pool, size, NIGHTS, SEED):
        for kind, one in photos.items():
            answers = one.take(places, times)
            nights[kind].append(_read(gates.decide(_evidence(answers)), kind))
        people += len({one.volunteer for one in answers})
    return [
        Cell(size, round(people / NIGHTS), kind, made[kind][1], *np.mean(found, axis=0).tolist())
        for kind, found in nights.items()
    ]


def _read(verdict: Verdict, kind: Kind) -> tuple[bool, bool, bool, bool]:
    """Published as better; published as that or as smaller; kept for a label; the bound was above the truth."""
    is_out = verdict.decision == GateDecision.PUBLISH
    is_better = is_out and verdict.why.startswith("better")
    return is_better, is_out, "fallen_labels" in verdict.figures, verdict.figures["lower_bound"] > kind.points / 100


def _evidence(answers: list[Answer]) -> Evidence:
    labels = [str(digit) for digit in range(10)]
    return Evidence(answers, [Candidate("litert int8", NEW, 0.0)], labels, MARGIN, labels, {"litert int8": OLD})


def _emit(cell: Cell) -> bool:
    """Prints a cell's figures; whether those with a target met it."""
    where = f"gate, {cell.size.photos} golden photos by {cell.people} volunteers, {cell.kind.say()}"
    met = [
        _line(f"{where}: published as better", cell.better, _target(cell)),
        _line(f"{where}: published when smaller", cell.smaller, _target(cell)),
        _line(f"{where}: kept for a fallen label", cell.fallen, None),
        _line(f"{where}: bound above the truth", cell.over, None),
    ]
    return all(met)


def _target(cell: Cell) -> float | None:
    """What the share of published nights may or must be, if anything."""
    if cell.kind.points <= -2:
        return MOST_WRONG
    return LEAST_POWER if cell.kind.points >= 3 and cell.size.photos >= 2000 and not cell.size.each else None


def _line(name: str, value: float, target: float | None) -> bool:
    met = None if target is None else value <= target if target == MOST_WRONG else value >= target
    emit(name, round(value, 4), target=target, met=met)
    return met is not False

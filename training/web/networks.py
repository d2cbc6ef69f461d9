"""The night's network: what one answer of it costs, and which others it was chosen from, in words and as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat

from training.domain import reports
from training.models import Run
from training.web.charts import floor_of
from training.web.words import percent

WIDTH, HEIGHT = 320, 200  # pixels, about as wide as it is shown
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 14, 40
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)  # million multiply-adds where the axis may end


@dataclass(frozen=True)
class Dot:
    """One network at its cost and accuracy; ``number`` is its row in the table."""

    x: float
    y: float
    number: int
    words: str
    is_chosen: bool


@dataclass(frozen=True)
class Picture:
    """Accuracy against cost; ``grid`` holds (y, words) of horizontal lines, ``ends`` (x, words) of the axis below."""

    dots: Sequence[Dot]
    grid: Sequence[tuple[float, str]]
    ends: Sequence[tuple[float, str]]
    words: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def describe(run: Run) -> dict[str, Any]:
    """``cost`` is a sentence, empty where nobody measured it; ``choice`` is None where one network was named."""
    summary = reports.summary(run)
    return {"cost": say_cost(summary["cost"]), "choice": _describe_choice(summary["choice"])}


def say_cost(cost: dict[str, Any] | None) -> str:
    """What an answer costs, in one sentence."""
    if cost is None:
        return ""
    size = filesizeformat(cost["bytes_int8"])
    return (
        f"One answer costs {millions(cost['multiply_adds'])} million multiply-adds, {size} of 8-bit weights, and "
        f"{cost['latency_ms']:.1f} ms on one thread of the machine that trained it "
        f"({cost['machine']}), which is no phone."
    )


def millions(count: float) -> str:
    """``56510400`` as ``57``; what is less than ten million keeps a digit more."""
    number = count / 1e6
    return f"{number:,.1f}" if number < STEPS[3] else f"{number:,.0f}"


def _describe_choice(choice: dict[str, Any] | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    rows = [
        {
            "number": number,
            "name": row["arch"],
            "accuracy": percent(row["accuracy"]),
            "millions": millions(row["multiply_adds"]),
            "bytes": row["bytes_int8"],
            "latency": f"{row['latency_ms']:.1f} ms",
            "score": f"{row['score']:.3f}",
            "is_chosen": row["arch"] == choice["arch"],
        }
        for number, row in enumerate(choice["candidates"], start=1)
    ]
    return {
        "why": choice["why"],
        "photos": choice["photos"],
        "target_m": choice["target_m"],
        "rows": rows,
        "left_out": choice["left_out"],
        "picture": _draw(choice["candidates"], choice["arch"]) if len(rows) > 1 else None,
    }


def _draw(rows: Sequence[dict[str, Any]], chosen: str) -> Picture:
    floor = floor_of(min(row["accuracy"] for row in rows))
    top = next((step for step in STEPS if step * 1e6 >= max(row["multiply_adds"] for row in rows)), STEPS[-1])

    def x(multiply_adds: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(multiply_adds / 1e6 / top, 1), 1)

    def y(accuracy: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - accuracy) / (1 - floor), 1)

    said = [
        f"{row['arch']}: {percent(row['accuracy'])}, {millions(row['multiply_adds'])} million multiply-adds"
        for row in rows
    ]
    dots = [
        Dot(x(row["multiply_adds"]), y(row["accuracy"]), number, words, row["arch"] == chosen)
        for number, (row, words) in enumerate(zip(rows, said, strict=True), start=1)
    ]
    grid = [(y(level), f"{level:.0%}") for level in (floor, (floor + 1) / 2, 1.0)]
    ends = [(x(0), "0"), (x(top * 1e6), f"{top:,} million multiply-adds")]
    return Picture(dots, grid, ends, f"Accuracy against cost. {'; '.join(said)}. Chosen: {chosen}.")

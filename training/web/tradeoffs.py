"""How large each file is against how often it is right, as coordinates a template writes into SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from training.domain import files
from training.models import Run
from training.web import charts
from training.web.words import name_of, percent

FEWEST = 2  # files worth a picture
SIZES = {"wide": (1040, 260), "narrow": (300, 220)}  # pixels, about as wide as they are shown
LEFT, RIGHT, TOP, BOTTOM = 72, 24, 14, 40
APART = 20.0  # pixels between the middles of two marks


@dataclass(frozen=True)
class Mark:
    """One file: its ``number`` in the table, its interval from ``top`` to ``bottom``, and what it is in words."""

    number: int
    x: float
    y: float
    top: float
    bottom: float
    state: str
    words: str


@dataclass(frozen=True)
class Plot:
    """Accuracy upwards, size to the right; ``grid`` and ``ticks`` hold (place, words)."""

    name: str
    width: int
    height: int
    marks: Sequence[Mark]
    grid: Sequence[tuple[float, str]]
    ticks: Sequence[tuple[float, str]]
    words: str
    left: int = LEFT

    @property
    def right(self) -> int:
        """Where the drawing ends."""
        return self.width - RIGHT

    @property
    def ground(self) -> int:
        """Where it ends below."""
        return self.height - BOTTOM


def describe(run: Run) -> dict[str, Any]:
    """``files``, numbered, the smallest first, in words; ``plots`` of them where there are enough."""
    rows = files.files_of(run)
    return {
        "files": [
            {
                **row,
                "number": at,
                "name": name_of(row),
                "accuracy": percent(row["golden_accuracy"]),
                "interval": _say_interval(row),
                "flips": percent(row["flips_vs_fp32"]),
                "path": reverse("artifact", args=[row["sha256"][:2], row["sha256"]]),
            }
            for at, row in enumerate(rows, start=1)
        ],
        "plots": [_draw(name, rows) for name in SIZES] if len(rows) >= FEWEST else [],
    }


def _say_interval(row: dict[str, Any]) -> str:
    return f"{percent(row['low'])} to {percent(row['high'])}" if row["low"] is not None else ""


def _draw(name: str, rows: Sequence[dict[str, Any]]) -> Plot:
    width, height = SIZES[name]
    floor = charts.floor_of(min(_ends(row)[0] for row in rows))
    ceiling = charts.ceiling_of(max(row["bytes"] for row in rows))

    def x(size: float) -> float:
        return round(LEFT + (width - LEFT - RIGHT) * size / ceiling, 1)

    def y(share: float) -> float:
        return round(TOP + (height - TOP - BOTTOM) * (1 - share) / (1 - floor), 1)

    marks, before = [], -APART
    for at, row in enumerate(rows, start=1):
        # Files of nearly the same size would cover each other: so they stand side by side.
        before = max(x(row["bytes"]), before + APART)
        low, high = _ends(row)
        marks.append(Mark(at, before, y(row["golden_accuracy"]), y(high), y(low), row["state"], _say(row)))
    return Plot(
        name,
        width,
        height,
        marks,
        grid=[(y(share), f"{share:.0%}") for share in (floor, (1 + floor) / 2, 1.0)],
        ticks=[(x(size), filesizeformat(size) if size else "0") for size in (0, ceiling / 2, ceiling)],
        words="Golden accuracy against size: " + "; ".join(_say(row) for row in rows),
    )


def _ends(row: dict[str, Any]) -> tuple[float, float]:
    """The interval, or the accuracy itself where it is not known on how many photos."""
    if row["low"] is None:
        return row["golden_accuracy"], row["golden_accuracy"]
    return row["low"], row["high"]


def _say(row: dict[str, Any]) -> str:
    interval = f" ({_say_interval(row)})" if row["low"] is not None else ""
    size = filesizeformat(row["bytes"])
    return f"{name_of(row)}, {size}, {percent(row['golden_accuracy'])}{interval}, {row['state']}"

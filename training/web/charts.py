"""Drawings for the pages, as coordinates a template writes into SVG: no script, no picture library."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FEWEST = 2  # nights worth a picture
SIZES = {"wide": (1040, 200), "narrow": (300, 160)}  # pixels, about as wide as they are shown
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 26  # room for the words at the axes


@dataclass(frozen=True)
class Mark:
    """One night."""

    x: float
    y: float
    words: str
    is_published: bool


@dataclass(frozen=True)
class Chart:
    """A line over nights; ``grid`` holds (y, words) of the horizontal lines."""

    name: str
    width: int
    height: int
    marks: Sequence[Mark]
    grid: Sequence[tuple[float, str]]
    first: str
    last: str
    words: str
    left: int = LEFT

    @property
    def right(self) -> int:
        """Where the drawing ends."""
        return self.width - RIGHT

    @property
    def points(self) -> str:
        """The line, as SVG wants it."""
        return " ".join(f"{mark.x},{mark.y}" for mark in self.marks)


def accuracy_over_nights(rows: Sequence[dict[str, Any]]) -> list[Chart]:
    """Draw the nights (newest first) that got as far as an accuracy, once for each size; nothing for fewer than two."""
    measured = [row for row in reversed(rows) if row["accuracy"] is not None]
    return [_draw(name, *size, measured) for name, size in SIZES.items()] if len(measured) >= FEWEST else []


def _draw(name: str, width: int, height: int, rows: Sequence[dict[str, Any]]) -> Chart:
    floor = _floor(min(row["accuracy"] for row in rows))
    days: list[int] = [row["night"].toordinal() for row in rows]

    def x(day: int) -> float:
        return round(LEFT + (width - LEFT - RIGHT) * (day - days[0]) / (days[-1] - days[0]), 1)

    def y(share: float) -> float:
        return round(TOP + (height - TOP - BOTTOM) * (1 - share) / (1 - floor), 1)

    marks = [
        Mark(
            x(day), y(row["accuracy"]), f"{row['night']}: {row['accuracy_words']}, {row['state']}", bool(row["release"])
        )
        for day, row in zip(days, rows, strict=True)
    ]
    words = "Golden accuracy from " + " to ".join(
        f"{row['accuracy_words']} on {row['night']}" for row in (rows[0], rows[-1])
    )
    grid = [(y(level), f"{level:.0%}") for level in (floor, (1 + floor) / 2, 1.0)]
    return Chart(name, width, height, marks, grid, str(rows[0]["night"]), str(rows[-1]["night"]), words)


def _floor(lowest: float) -> float:
    """Where the axis starts: never so high that a small change looks like a cliff."""
    return next(level for level in (0.8, 0.5, 0.0) if lowest >= level)

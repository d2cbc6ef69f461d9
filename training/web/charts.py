"""Drawings for the pages, as coordinates a template writes into SVG: no script, no picture library."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.template.defaultfilters import filesizeformat

FEWEST = 2  # nights worth a picture
SIZES = {"wide": (1040, 200), "narrow": (300, 160)}  # pixels, about as wide as they are shown
LEFT, RIGHT, TOP, BOTTOM = 72, 8, 10, 26  # room for the words at the axes, such as "500.0 KB"


@dataclass(frozen=True)
class Point:
    """One night's figure, and how it is said."""

    night: date
    value: float
    said: str
    state: str
    is_published: bool


@dataclass(frozen=True)
class Axis:
    """What the height stands for: from ``low`` to ``high``, and how a value is written at its side."""

    low: float
    high: float
    say: Callable[[float], str]


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
    points = [
        Point(row["night"], row["accuracy"], row["accuracy_words"], row["state"], bool(row["release"]))
        for row in reversed(rows)
        if row["accuracy"] is not None
    ]
    floor = floor_of(min((point.value for point in points), default=0))
    return _draw_all("Golden accuracy", points, Axis(floor, 1.0, lambda share: f"{share:.0%}"))


def bytes_over_nights(rows: Sequence[dict[str, Any]], name: str) -> list[Chart]:
    """Draw how large a file was on the nights (newest first) that wrote it, as ``accuracy_over_nights`` does."""
    points = [
        Point(row["night"], row["bytes"], row["bytes_words"], row["state"], bool(row["release"]))
        for row in reversed(rows)
        if row["bytes"] is not None
    ]
    top = ceiling_of(max((point.value for point in points), default=1))
    return _draw_all(f"Size of {name}", points, Axis(0, top, lambda size: filesizeformat(size) if size else "0"))


def floor_of(lowest: float) -> float:
    """Where the axis starts: never so high that a small change looks like a cliff."""
    return next(level for level in (0.8, 0.5, 0.0) if lowest >= level)


def _draw_all(subject: str, points: Sequence[Point], axis: Axis) -> list[Chart]:
    if len(points) < FEWEST:
        return []
    words = f"{subject} from " + " to ".join(f"{point.said} on {point.night}" for point in (points[0], points[-1]))
    return [_draw(name, points, axis, words) for name in SIZES]


def _draw(name: str, points: Sequence[Point], axis: Axis, words: str) -> Chart:
    width, height = SIZES[name]
    days = [point.night.toordinal() for point in points]

    def x(day: int) -> float:
        return round(LEFT + (width - LEFT - RIGHT) * (day - days[0]) / (days[-1] - days[0]), 1)

    def y(value: float) -> float:
        return round(TOP + (height - TOP - BOTTOM) * (axis.high - value) / (axis.high - axis.low), 1)

    marks = [
        Mark(x(day), y(point.value), f"{point.night}: {point.said}, {point.state}", point.is_published)
        for day, point in zip(days, points, strict=True)
    ]
    grid = [(y(level), axis.say(level)) for level in (axis.low, (axis.low + axis.high) / 2, axis.high)]
    return Chart(name, width, height, marks, grid, str(points[0].night), str(points[-1].night), words)


def ceiling_of(largest: float) -> float:
    """Where an axis of bytes ends: at a round number of the unit that people are told."""
    unit = 1024 ** int(math.log(max(largest, 1), 1024))
    return float(next(unit * step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1024) if unit * step >= largest))

"""Whether the probabilities can be believed, drawn: how often answers of about the same probability were right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.domain import queries
from training.enums import StageName
from training.models import Run
from training.web import charts

SIDE, LEFT, TOP, BOTTOM = 320, 44, 8, 24  # pixels, about as large as it is shown; right as much as the top
SMALLEST, LARGEST = 3.0, 9.0  # radius of a dot; its area stands for its photos
MODELS = (("candidate", "ours", "this night's candidate"), ("other", "theirs", "the model in use"))


@dataclass(frozen=True)
class Dot:
    """Photos of about the same probability."""

    x: float
    y: float
    radius: float
    words: str


@dataclass(frozen=True)
class Picture:
    """``models`` are (kind, dots); ``grid`` holds (place across, place down, words) of values, the same both ways."""

    models: Sequence[tuple[str, Sequence[Dot]]]
    grid: Sequence[tuple[float, float, str]]
    words: str
    side: int = SIDE
    left: int = LEFT
    right: int = SIDE - TOP
    top: int = TOP
    bottom: int = SIDE - BOTTOM


def describe(run: Run) -> dict[str, Any]:
    """``reliability``: the picture, and what it says; None where the gate did not look at probabilities."""
    gate = queries.stages_of(run).get(StageName.GATE)
    found = gate.result.get("figures", {}).get("calibration") if gate else None
    return {"reliability": {"picture": draw(found), "said": say(found), "photos": found["photos"]} if found else None}


def say(found: dict[str, Any]) -> list[str]:
    """A sentence for each model, and one that compares."""
    said = [_say_one(found["candidate"], "This night's candidate")]
    if found.get("other"):
        said.append(_say_one(found["other"], "The model in use"))
        said.append(_say_beside(found))
    return said


def draw(found: dict[str, Any]) -> Picture:
    """Both models' bins on one scale, from where the lowest of them is."""
    told = [(name, kind, whose, found[name]["bins"]) for name, kind, whose in MODELS if found.get(name)]
    bins = [one for *_, bins in told for one in bins]
    low = charts.floor_of(min(min(one["sure"], one["right"]) for one in bins))
    most = max(one["photos"] for one in bins)

    def along(value: float) -> float:
        return (value - low) / (1 - low)

    def x(value: float) -> float:
        return round(LEFT + (SIDE - TOP - LEFT) * along(value), 1)

    def y(value: float) -> float:
        return round(SIDE - BOTTOM - (SIDE - BOTTOM - TOP) * along(value), 1)

    def dot(one: dict[str, Any], whose: str) -> Dot:
        radius = SMALLEST + (LARGEST - SMALLEST) * math.sqrt(one["photos"] / most)
        words = f"{one['photos']:,} photos: {one['sure']:.1%} sure, {one['right']:.1%} right ({whose})"
        return Dot(x(one["sure"]), y(one["right"]), round(radius, 1), words)

    models = [(kind, [dot(one, whose) for one in bins]) for _, kind, whose, bins in reversed(told)]  # ours on top
    grid = [(x(level), y(level), f"{level:.0%}") for level in (low, (low + 1) / 2, 1.0)]
    return Picture(models, grid, f"How sure, and how often right. {' '.join(say(found))}")


def _say_one(model: dict[str, Any], name: str) -> str:
    return (
        f"{name}: its probabilities are off by {_points(model['error'])} in the mean (calibration error), "
        f"{_points(model['overconfidence'])} of that because it is surer than right."
    )


def _say_beside(found: dict[str, Any]) -> str:
    bound = found["lower_bound"]
    if bound is None:
        return "Fewer than five volunteers took these photos, so nothing follows from the difference."
    more = found["difference"]
    if more <= 0:
        return f"The candidate is not more over-confident than the model in use, but less by {_points(-more)}."
    return f"The candidate is more over-confident by {_points(more)}, at least by {_points(bound)} with 95% certainty."


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"

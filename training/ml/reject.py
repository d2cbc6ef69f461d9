"""When to answer "none of these": from what probability of the likeliest label on an answer is worth giving.

Learned from photos that show no label (rejected in review) and from accepted photos that the model has not learned from
(``fit/left_out.jsonl``), as if one in five things a phone is shown were no label's. No answer costs 1 where there
was one to give; a wrong one costs ``cost``, and so does any on a photo of nothing. The golden side decides nothing
here, it only tells how well it works.

The score is the top probability (Hendrycks and Gimpel, 2017): all that a phone has are probabilities. On the
sign-language digits with three of ten digits unknown to the model (five trials) the area under its curve was 0.79 in
the mean, of the margin to the second and of the entropy as well, of the largest logit 0.77, of the energy 0.74.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.ml import looks
from training.ml.contract import ManifestPhoto, RunSpec
from training.ml.predicting import Panel
from training.ml.saved import SavedModel, read_model
from training.ml.workspace import Work

SCORE = "top_probability"
COSTS = (1, 5, 20)
NOTHING = 0.2  # of what a phone is shown; nobody knows, but that most people point it at what the app is for
# With 95% certainty the surest of 59 photos is among the surest 5% of all such: 1 - 0.95^59. By people, since one
# person's slips are alike.
NEEDED, NEEDED_PEOPLE = 60, 5

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """Photos of labels: the top probability (n), and whether its label is right (n)."""

    sure: Numbers
    right: npt.NDArray[np.bool_]


def measure(spec: RunSpec, work: Work, panel: Panel, golden: Judged) -> dict[str, Any]:
    """``{score, cost, thresholds, why, learned_from, shipped}``; no thresholds where ``why`` says what is missing.

    ``panel``'s first model is the fitted one. ``shipped`` is what files and releases carry, ``{score, cost,
    thresholds: [{cost, threshold}]}``, or None. Here each threshold also tells what it does to golden photos: of
    ``negatives``, ``right`` and ``wrong`` answers so many ``photos``, of which ``none`` are answered none of these.
    """
    negatives, judges = work.negatives("train"), work.negatives("golden")
    left_out = _read(work.stage("fit") / "left_out.jsonl")
    learned_from = {
        "negatives": len(negatives),
        "volunteers": len({one.volunteer for one in negatives}),
        "left_out": len(left_out.sure),
    }
    found: dict[str, Any] = {"score": SCORE, "cost": spec.wrong_answer_cost, "learned_from": learned_from}
    why = _too_few(learned_from)
    if why:
        return {**found, "thresholds": [], "why": why, "shipped": None}
    both = _sure(panel, [*negatives, *judges])
    nothing, unseen = both[: len(negatives)], both[len(negatives) :]
    rows = []
    for cost in sorted({*COSTS, spec.wrong_answer_cost}):
        threshold = choose(left_out, nothing, cost)
        rows.append({"cost": cost, "threshold": threshold, **_tell(threshold, golden, unseen)})
    thresholds = [{"cost": row["cost"], "threshold": row["threshold"]} for row in rows]
    shipped = {"score": SCORE, "cost": spec.wrong_answer_cost, "thresholds": thresholds}
    return {**found, "thresholds": rows, "why": "", "shipped": shipped}


def read_fitted(work: Work) -> SavedModel:
    """The fitted model with what was learned of when not to answer, as files carry it."""
    found = work.result("evaluate").get("rejection") or {}
    return replace(read_model(work.stage("fit")), rejection=found.get("shipped"))


def choose(left_out: Judged, nothing: Numbers, cost: float) -> float:
    """The threshold that costs least, the lowest of equals; it rises with ``cost``. An answer needs at least it.

    ``nothing`` are top probabilities (m) of photos that show no label.
    """
    every = np.unique(np.concatenate([left_out.sure, nothing]))
    tried = np.concatenate([[0.0], (every[:-1] + every[1:]) / 2])
    wrong = _from(left_out.sure[~left_out.right], tried) / len(left_out.sure)
    silent = 1 - _from(left_out.sure, tried) / len(left_out.sure)
    answered = _from(nothing, tried) / len(nothing)
    spent = (1 - NOTHING) * (cost * wrong + silent) + NOTHING * cost * answered
    return round(float(tried[np.argmin(np.round(spent, 12))]), 6)


def _from(sure: Numbers, thresholds: Numbers) -> Numbers:
    """How many are at least each threshold."""
    return (len(sure) - np.searchsorted(np.sort(sure), thresholds, side="left")).astype(float)


def _tell(threshold: float, golden: Judged, nothing: Numbers) -> dict[str, dict[str, int]]:
    kinds = {"negatives": nothing, "right": golden.sure[golden.right], "wrong": golden.sure[~golden.right]}
    return {name: {"photos": len(sure), "none": int((sure < threshold).sum())} for name, sure in kinds.items()}


def _too_few(there: dict[str, int]) -> str:
    lacks = []
    if there["negatives"] < NEEDED or there["volunteers"] < NEEDED_PEOPLE:
        lacks.append(
            f"{there['negatives']} photos by {there['volunteers']} volunteers were rejected for showing no label; "
            f"needed are {NEEDED} by {NEEDED_PEOPLE}"
        )
    if there["left_out"] < NEEDED:
        lacks.append(f"{there['left_out']} accepted photos were left out while learning; needed are {NEEDED}")
    return "; ".join(lacks)


def _sure(panel: Panel, photos: Sequence[ManifestPhoto]) -> Numbers:
    """The fitted model's top probability (n) of each."""
    (found,) = panel.answer(looks.UNLABELLED, photos, only=[0])
    return np.round(found.max(1).values.numpy().astype(float), 6)


def _read(path: Path) -> Judged:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    sure = np.array([line["probability"] for line in lines], dtype=float)
    return Judged(sure, np.array([line["answer"] == line["label"] for line in lines], dtype=bool))

"""Stage evaluate: the fitted model and the one in production, on the same golden photos, each by its own contract.

Besides how often each is right: how often its answer flips when the hand that holds the phone shakes (``shake``), and
what an answer of the fitted one costs (``cost``).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.ml import cost, shake
from training.ml.contract import ManifestPhoto, Progress, RunSpec
from training.ml.networks import answers
from training.ml.photos import shrunk_photos
from training.ml.saved import SavedModel, predict, read_model, write_predictions
from training.ml.workspace import Work


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """Writes ``predictions.jsonl``; returns the scores. Raises ``ProblemsFoundError`` for photos or models at fault."""
    work.check(spec)
    photos = work.golden()
    model = read_model(work.stage("fit"))
    found = predict(model.network, work.photos, photos, progress)
    ours = answers(found, model.slugs)
    rough = _without_antialiasing(model, work, photos, ours, progress)
    result: dict[str, Any] = {
        "photos": len(photos),
        **scores(photos, ours, spec.slugs),
        "antialias_off_accuracy": rough,
        "stability": shake.measure(model, work.photos, photos, ours, progress, seed=spec.seed),
        "cost": cost.measure(model.network).to_json(),
    }
    more: dict[str, Sequence[str]] = {}
    if work.production is not None:
        production = read_model(work.production)
        theirs = predict(production.network, work.photos, photos, progress, message="golden photos, production's model")
        more["production_answer"] = answers(theirs, production.slugs)
        result["production"] = {
            **scores(photos, more["production_answer"], spec.slugs),
            "labels": list(production.slugs),
            "stability": shake.measure(
                production, work.photos, photos, more["production_answer"], progress,
                seed=spec.seed, message="golden photos, shaken, production's model",
            ),
        }  # fmt: skip
    write_predictions(out / "predictions.jsonl", photos, model.slugs, found, **more)
    return {"production": None} | result


def scores(photos: Sequence[ManifestPhoto], found: Sequence[str], slugs: Sequence[str]) -> dict[str, Any]:
    """Accuracy, its mean over labels, and each label's, of the answers ``found``."""
    per_label = {slug: {"photos": 0, "correct": 0} for slug in slugs}
    for photo, answer in zip(photos, found, strict=True):
        per_label[photo.label]["photos"] += 1
        per_label[photo.label]["correct"] += answer == photo.label
    shares = {slug: count["correct"] / count["photos"] for slug, count in per_label.items() if count["photos"]}
    return {
        "golden_accuracy": round(sum(count["correct"] for count in per_label.values()) / len(photos), 6),
        "golden_balanced_accuracy": round(sum(shares.values()) / len(shares), 6),
        "per_label": {slug: {**per_label[slug], "accuracy": round(share, 6)} for slug, share in shares.items()},
    }


def _without_antialiasing(
    model: SavedModel, work: Work, photos: list[ManifestPhoto], ours: list[str], progress: Progress
) -> float:
    """Accuracy where a phone shrinks photos carelessly. Photos that are not shrunk are answered as before."""
    found, places = list(ours), shrunk_photos(work.photos, photos, model.contract)
    if places:
        chosen, message = [photos[place] for place in places], "golden photos, shrunk without antialiasing"
        rough = predict(model.network, work.photos, chosen, progress, antialias=False, message=message)
        for place, answer in zip(places, answers(rough, model.slugs), strict=True):
            found[place] = answer
    return round(sum(answer == photo.label for answer, photo in zip(found, photos, strict=True)) / len(photos), 6)

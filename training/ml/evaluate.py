"""Stage evaluate: the fitted model and the one in production, on the same golden photos, each by its own contract.

Besides how often each is right: how often its answer flips when the hand that holds the phone shakes (``shake``),
from what probability on the fitted model's answer is worth giving (``reject``), whose photos helped (``people``), and
what an answer costs (``cost``).
Features of a pretrained backbone that are not in ``WORK/features`` yet are left as packs, one a look (``looks``).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.ml import cost, looks, people, reject, shake
from training.ml.contract import ManifestPhoto, Progress, RunSpec, write_json
from training.ml.looks import Look
from training.ml.networks import answers
from training.ml.photos import shrunk_photos
from training.ml.predicting import Panel
from training.ml.saved import read_model, write_predictions
from training.ml.workspace import Work


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """Writes ``predictions.jsonl`` and ``contributions.json``; returns the scores.

    Raises ``ProblemsFoundError`` for photos or models at fault.
    """
    work.check(spec)
    photos = work.golden()
    models = [read_model(folder) for folder in (work.stage("fit"), work.production) if folder]
    panel = Panel(models, spec, work, out, progress)
    found = panel.answer(looks.AS_APPS_DO, photos)
    given = [answers(one, model.slugs) for one, model in zip(found, models, strict=True)]
    stability = _stability(panel, photos, given, looks.shaken(spec.seed), shake.sample(photos, spec.seed))
    result: dict[str, Any] = {
        "photos": len(photos),
        **scores(photos, given[0], spec.slugs),
        "antialias_off_accuracy": _without_antialiasing(panel, work, photos, given[0]),
        "stability": stability[0],
        "cost": cost.measure(models[0].network).to_json(),
        "production": None,
    }
    sure = [one.max(1).values.numpy().astype(float).round(6) for one in found]
    right = np.array([answer == photo.label for answer, photo in zip(given[0], photos, strict=True)], dtype=bool)
    result["rejection"] = reject.measure(spec, work, panel, reject.Judged(sure[0], right))
    more: dict[str, Sequence[str | float]] = {}
    if len(models) > 1:
        more |= {"production_answer": given[1], "production_probability": sure[1].tolist()}
        result["production"] = {
            **scores(photos, given[1], spec.slugs),
            "labels": list(models[1].slugs),
            "stability": stability[1],
        }
    write_predictions(out / "predictions.jsonl", photos, models[0].slugs, found[0], **more)
    write_json(out / "contributions.json", people.tell(spec, work, panel, photos, progress))
    return result


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


def _stability(
    panel: Panel, photos: Sequence[ManifestPhoto], given: Sequence[Sequence[str]], look: Look, places: Sequence[int]
) -> list[dict[str, Any]]:
    """Each model's, over the photos at those places."""
    chosen = [photos[place] for place in places]
    return [
        shake.count_flips(chosen, answers(found, model.slugs), [untouched[place] for place in places])
        for model, found, untouched in zip(panel.models, panel.answer(look, chosen), given, strict=True)
    ]


def _without_antialiasing(panel: Panel, work: Work, photos: list[ManifestPhoto], ours: list[str]) -> float:
    """Accuracy where a phone shrinks photos carelessly. Photos that are not shrunk are answered as before."""
    found, model = list(ours), panel.models[0]
    places = shrunk_photos(work.photos, photos, model.contract)
    if places:
        (rough,) = panel.answer(looks.CARELESSLY, [photos[place] for place in places], only=[0])
        for place, answer in zip(places, answers(rough, model.slugs), strict=True):
            found[place] = answer
    return round(sum(answer == photo.label for answer, photo in zip(found, photos, strict=True)) / len(photos), 6)

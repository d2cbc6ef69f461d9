"""Whose photos helped, told by the probe: a linear head on the pretrained features, on most nights the model itself.

``WORK/volunteers.json`` may name the volunteers to look at, most wanted first; else those with most photos come first.
As many are looked at as ``contributions.choose`` allows.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from training.ml import contributions, embed, looks
from training.ml.contract import WANTED, ManifestPhoto, ProblemsFoundError, Progress, RunSpec, read_json
from training.ml.engine import read_pretrained
from training.ml.head import examples_of, solve, standardise, targets_of
from training.ml.networks import have_same_features
from training.ml.predicting import Panel
from training.ml.saved import SavedModel
from training.ml.workspace import Work

STRENGTH = 0.1  # where the night fitted no head that says which was best
MESSAGE = "learning without one volunteer at a time"


def tell(spec: RunSpec, work: Work, panel: Panel, golden: list[ManifestPhoto], progress: Progress) -> dict[str, Any]:
    """What ``contributions.json`` holds: ``note`` and ``volunteers``."""
    if work.result("start")["backbone"] is None:
        return {"note": "There are no pretrained features to learn from without a volunteer.", "volunteers": []}
    try:
        features = torch.from_numpy(embed.read_features(spec, work))
    except ProblemsFoundError as error:  # erased since the model was fitted; the night goes on without
        return {"note": str(error), "volunteers": []}
    groups = [photo.volunteer for photo in work.train()]
    wanted = _wanted(work, groups)
    chosen = contributions.choose(groups, wanted, width=features.shape[1], label_count=len(spec.labels))
    progress.report(0, len(chosen), MESSAGE)
    model, network = panel.models[0], read_pretrained(spec, work.stage("start"))
    is_probe = have_same_features(model.network, network)
    shown = (panel if is_probe else panel.beside(replace(model, network=network))).features(0, looks.AS_APPS_DO, golden)
    mean, spread = standardise(features, network.tap_sizes)
    start, strength = _start(model, mean, spread) if is_probe else None, _strength(work)
    examples = examples_of(spec, work.train(), (features - mean) / spread)
    head = solve(examples, label_count=len(spec.labels), strength=strength, start=start)
    targets = targets_of(spec, golden)
    judges = contributions.Golden((shown - mean) / spread, targets, [photo.volunteer for photo in golden])
    found = contributions.measure(examples, groups, judges, chosen, head=head, strength=strength)
    progress.report(len(chosen), len(chosen), MESSAGE)
    return {"note": "", "volunteers": [one.to_json(spec.slugs) for one in found]}


def _wanted(work: Work, groups: Sequence[str]) -> list[str]:
    path = work.folder / WANTED
    if path.is_file():
        return [str(name) for name in read_json(path)]
    return [name for name, _ in sorted(Counter(groups).items(), key=lambda pair: (-pair[1], pair[0]))]


def _start(model: SavedModel, mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
    """The night's own head over scaled features: from there, there is hardly anything to solve."""
    weight, bias = model.network.head_rows()
    return weight * spread, bias + weight @ mean


def _strength(work: Work) -> float:
    curve = work.result("fit").get("curves") or {}
    points = curve.get("head", []) if isinstance(curve, dict) else []
    return float(min(points, key=lambda point: point["loss"])["C"]) if points else STRENGTH

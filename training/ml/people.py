"""Whose photos helped, told by the probe: a linear head on the pretrained features, on most nights the model itself.

``WORK/volunteers.json`` may name the volunteers to look at, most wanted first; else those with most photos come first.
As many are looked at as ``contributions.choose`` allows.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from training.ml import contributions, embed, looks
from training.ml.contract import WANTED, ManifestPhoto, ProblemsFoundError, Progress, RunSpec, read_json
from training.ml.engine import BACKBONE
from training.ml.head import Examples, solve, standardise
from training.ml.networks import Network
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
    model, network = panel.models[0], _probe(spec, work)
    alone = panel if _is_probe(model, network) else panel.beside(replace(model, network=network))
    shown = alone.features(0, looks.AS_APPS_DO, golden)
    mean, spread = standardise(features, [channels * grid * grid for channels, _, grid in network.shapes])
    start, strength = _start(model, network, mean, spread), _strength(work)
    examples = _examples(spec, work.train(), (features - mean) / spread)
    head = solve(examples, label_count=len(spec.labels), strength=strength, start=start)
    targets = _examples(spec, golden, shown).targets
    judges = contributions.Golden((shown - mean) / spread, targets, [photo.volunteer for photo in golden])
    found = contributions.measure(examples, groups, judges, chosen, head=head, strength=strength)
    progress.report(len(chosen), len(chosen), MESSAGE)
    return {"note": "", "volunteers": [one.to_json(spec.slugs) for one in found]}


def _examples(spec: RunSpec, photos: Sequence[ManifestPhoto], features: Tensor) -> Examples:
    order = {slug: place for place, slug in enumerate(spec.slugs)}
    targets = torch.tensor([order[photo.label] for photo in photos])
    return Examples(features, targets, torch.tensor([photo.weight for photo in photos]))


def _wanted(work: Work, groups: Sequence[str]) -> list[str]:
    path = work.folder / WANTED
    if path.is_file():
        return [str(name) for name in read_json(path)]
    return [name for name, _ in sorted(Counter(groups).items(), key=lambda pair: (-pair[1], pair[0]))]


def _probe(spec: RunSpec, work: Work) -> Network:
    network = Network(spec.arch, spec.input, len(spec.labels))
    network.backbone.load_state_dict(load_file(work.stage("start") / BACKBONE))
    return network


def _is_probe(model: SavedModel, network: Network) -> bool:
    """Whether the night's model stands on the very features that were stored."""
    ours, theirs = model.network.backbone.state_dict(), network.backbone.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def _start(model: SavedModel, network: Network, mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor] | None:
    """The night's own head over scaled features, where it has the same ones: then there is hardly anything to solve."""
    if not _is_probe(model, network):
        return None
    weight, bias = model.network.head_rows()
    return weight * spread, bias + weight @ mean


def _strength(work: Work) -> float:
    curve = work.result("fit").get("curves") or {}
    points = curve.get("head", []) if isinstance(curve, dict) else []
    return float(min(points, key=lambda point: point["loss"])["C"]) if points else STRENGTH

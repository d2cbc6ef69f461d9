"""Whose photos helped, told by the probe: a linear head on the pretrained features, on most nights the model itself.

``WORK/volunteers.json`` may name the volunteers to look at, most wanted first; else those with most photos come first.
As many are looked at as ``contributions.choose`` allows.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from training.ml import contributions, embed
from training.ml.contract import WANTED, ManifestPhoto, Progress, RunSpec, read_json
from training.ml.head import Examples, solve, standardise
from training.ml.networks import Network
from training.ml.saved import SavedModel
from training.ml.workspace import Work

STRENGTH = 0.1  # where the night fitted no head that says which was best
MESSAGE = "learning without one volunteer at a time"


@dataclass(frozen=True, slots=True)
class Shown:
    """The golden photos, and what the model's head was shown of them: see ``watching``."""

    photos: list[ManifestPhoto]
    seen: Sequence[Tensor]


@contextmanager
def watching(network: Network) -> Iterator[list[Tensor]]:
    """What the head is shown while the block lasts: one tensor (photos, features of the tap), float16, a tap and batch.

    ``side_by_side`` makes features of it, as ``embed`` stores them.
    """
    seen: list[Tensor] = []

    def note(_head: nn.Module, given: tuple[Tensor, ...]) -> None:
        seen.append(given[0].flatten(1).half())

    hooks = [layer.register_forward_pre_hook(note) for layer in network.head]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def side_by_side(seen: Sequence[Tensor], taps: int) -> Tensor:
    """Features float32 (photos, n) of all batches watched."""
    return torch.cat([torch.cat(list(seen[at::taps])) for at in range(taps)], 1).float()


def tell(spec: RunSpec, work: Work, model: SavedModel, golden: Shown, progress: Progress) -> dict[str, Any]:
    """What ``contributions.json`` holds: ``note`` and ``volunteers``."""
    if work.result("embed")["backbone"] is None:
        return {"note": "There are no pretrained features to learn from without a volunteer.", "volunteers": []}
    train = work.train()
    groups, order = [photo.volunteer for photo in train], {slug: place for place, slug in enumerate(spec.slugs)}
    features, label_count = embed.read_features(work.stage("embed")), len(spec.labels)
    chosen = contributions.choose(groups, _wanted(work, groups), width=features.shape[1], label_count=label_count)
    progress.report(0, len(chosen), MESSAGE)
    network = _probe(spec, work)
    mean, spread = standardise(features, [channels * grid * grid for channels, _, grid in network.shapes])
    targets = torch.tensor([order[photo.label] for photo in train])
    examples = Examples((features - mean) / spread, targets, torch.tensor([photo.weight for photo in train]))
    strength = _strength(work)
    head = solve(examples, label_count=label_count, strength=strength, start=_start(model, network, mean, spread))
    judges = contributions.Golden(
        (_features_of(golden, network, model, work, progress) - mean) / spread,
        torch.tensor([order[photo.label] for photo in golden.photos]),
        [photo.volunteer for photo in golden.photos],
    )
    found = contributions.measure(examples, groups, judges, chosen, head=head, strength=strength)
    progress.report(len(chosen), len(chosen), MESSAGE)
    return {"note": "", "volunteers": [one.to_json(spec.slugs) for one in found]}


def _wanted(work: Work, groups: Sequence[str]) -> list[str]:
    path = work.folder / WANTED
    if path.is_file():
        return [str(name) for name in read_json(path)]
    return [name for name, _ in sorted(Counter(groups).items(), key=lambda pair: (-pair[1], pair[0]))]


def _probe(spec: RunSpec, work: Work) -> Network:
    network = Network(spec.arch, spec.input, len(spec.labels))
    network.backbone.load_state_dict(load_file(work.stage("embed") / "backbone.safetensors"))
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


def _features_of(golden: Shown, network: Network, model: SavedModel, work: Work, progress: Progress) -> Tensor:
    if _is_probe(model, network):
        return side_by_side(golden.seen, len(network.shapes))
    found = embed.embed_photos(network, work.photos, golden.photos, progress, threads=torch.get_num_threads())
    return torch.stack([found[photo.sha256] for photo in golden.photos]).float()

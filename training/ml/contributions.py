"""Whose photos helped: which golden mistakes come back when one volunteer's photos are taken away.

The head on cached features is fitted again without each volunteer, and its answers on the golden photos are set beside
those of the head with everybody. A mistake that only the head without them makes, their photos *fixed*; one that only
the head with them makes, they *broke*. What is honest to tell is the difference of the two, with an interval: other
golden volunteers would have been other people, so these are resampled.

Refitting starts at the head with everybody and takes Newton's steps, all volunteers at once: leaving out one person
moves a strongly convex problem but little (Rad and Maleki, 2020; Koh and others, 2019, for whole groups). Each step's
equations are solved by conjugate gradients, which need products with the features only. On the sign-language digits
(1,410 photos, 3,200 features, 10 labels) a volunteer costs 0.05 s of one core, and of the 343 golden answers none
differs from that of a head learned anew, which takes 0.25 s.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from training.ml.head import Examples

STEPS = 2  # Newton's
TURNS = 12  # of conjugate gradients for each
LEAST, MOST = 4, 64  # volunteers refitted in one night, however many photos there are
EFFORT = 2e11  # multiplications a night may spend on it: two seconds of one core
AT_ONCE = 4_000_000  # numbers in (photos, volunteers, labels): 16 MB each of a few
RESAMPLES = 2000
SEED = 20_000_102
Gains = npt.NDArray[np.int32]  # a golden volunteer each
INTERVAL = (0.025, 0.975)
LEAST_PEOPLE = 5  # golden volunteers below which no interval can be told


@dataclass(frozen=True, slots=True)
class Golden:
    """What heads are compared on: ``features`` float32 (m, d) scaled as the examples', ``targets`` int64 (m)."""

    features: Tensor
    targets: Tensor
    volunteers: Sequence[str]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one volunteer's ``photos`` did: golden mistakes fixed and broken, and the 95% interval of the difference.

    ``labels`` are the output places whose golden photos gained, with how many.
    """

    volunteer: str
    photos: int
    fixed: int
    broken: int
    low: int
    high: int
    labels: Mapping[int, int]

    def to_json(self, slugs: Sequence[str]) -> dict[str, Any]:
        """As it stands in ``contributions.json``, labels by slug."""
        return {**asdict(self), "labels": {slugs[place]: count for place, count in self.labels.items()}}


def choose(groups: Sequence[str], wanted: Sequence[str], *, width: int, label_count: int) -> list[str]:
    """Whom to refit without: of those ``wanted`` (most wanted first) as many as the night can afford.

    ``groups`` are the volunteers of the photos to learn from, ``width`` the number of features.
    """
    there = set(groups)
    each = 4 * STEPS * (TURNS + 1) * len(groups) * width * label_count
    return [name for name in wanted if name in there][: max(LEAST, min(MOST, int(EFFORT / max(each, 1))))]


def measure(
    examples: Examples, groups: Sequence[str], golden: Golden, chosen: Sequence[str],
    *, head: tuple[Tensor, Tensor], strength: float,
) -> list[Contribution]:  # fmt: skip
    """The contribution of each of the ``chosen``; ``head`` is the one with everybody over the examples' features."""
    mask = torch.tensor([[group != name for name in chosen] for group in groups], dtype=torch.float32)
    with_all = (golden.features @ head[0].T + head[1]).argmax(1) == golden.targets
    label_count = len(head[1])
    many = max(1, AT_ONCE // (len(groups) * label_count))
    parts = [
        refit(examples, mask[:, at : at + many], head=head, strength=strength) for at in range(0, len(chosen), many)
    ]
    people = {name: place for place, name in enumerate(sorted(set(golden.volunteers)))}
    counts, found = Counter(groups), []
    for place, name in enumerate(chosen):
        weight = parts[place // many][:, place % many]
        without = (golden.features @ weight[:-1] + weight[-1]).argmax(1) == golden.targets
        gains, labels = _compare(with_all, without, golden, people)
        fixed, broken = int((with_all & ~without).sum()), int((without & ~with_all).sum())
        found.append(Contribution(name, counts[name], fixed, broken, *interval(gains), labels))
    return found


def refit(examples: Examples, mask: Tensor, *, head: tuple[Tensor, Tensor], strength: float) -> Tensor:
    """Heads (d + 1, v, labels), the last row the bias: column j fitted on the photos where ``mask`` (n, v) is one."""
    features = examples.features
    start = torch.cat([head[0].T, head[1][None]])  # (d + 1, labels)
    weights = start[:, None].repeat(1, mask.shape[1], 1)
    decay = torch.full((len(start), 1, 1), 1 / strength)
    decay[-1] = 1e-6  # the bias is free; a label that only one person photographed must not run away
    kept = (mask * examples.weights[:, None])[..., None]  # (n, v, 1)
    truth = functional.one_hot(examples.targets, start.shape[1])[:, None].float()
    for _ in range(STEPS):
        shares = _through(features, weights).softmax(-1)
        slope = _back(features, (shares - truth) * kept) + decay * weights
        weights = weights - _solve(features, shares, kept, decay, slope)
    return weights


def _solve(features: Tensor, shares: Tensor, kept: Tensor, decay: Tensor, right: Tensor) -> Tensor:
    """Newton's step: curvature times it is ``right`` (d + 1, v, labels); each volunteer's by itself."""
    step, left = torch.zeros_like(right), right.clone()
    direction, size = left.clone(), _dot(left, left)
    for _ in range(TURNS):
        moved = _through(features, direction)
        bent = shares * (moved - (shares * moved).sum(-1, keepdim=True)) * kept
        curved = _back(features, bent) + decay * direction
        pace = size / _dot(direction, curved).clamp(min=1e-30)
        step, left = step + pace * direction, left - pace * curved
        size, before = _dot(left, left), size
        direction = left + size / before.clamp(min=1e-30) * direction
    return step


def _through(features: Tensor, weights: Tensor) -> Tensor:
    """(n, v, labels); the last row of ``weights`` is the bias."""
    return (features @ weights[:-1].flatten(1)).view(len(features), *weights.shape[1:]) + weights[-1]


def _back(features: Tensor, values: Tensor) -> Tensor:
    """(d + 1, v, labels), the bias's row last."""
    inner = (features.T @ values.flatten(1)).view(features.shape[1], *values.shape[1:])
    return torch.cat([inner, values.sum(0, keepdim=True)])


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """(1, v, 1): each volunteer's own."""
    return (one * other).sum((0, 2), keepdim=True)


def _compare(
    with_all: Tensor, without: Tensor, golden: Golden, people: Mapping[str, int]
) -> tuple[Gains, dict[int, int]]:
    """What each golden volunteer's photos gained (people), and each label that gained at all."""
    gain = (with_all.int() - without.int()).numpy()
    by_person, by_label = np.zeros(len(people), np.int32), Counter[int]()
    for place in gain.nonzero()[0].tolist():
        by_person[people[golden.volunteers[place]]] += gain[place]
        by_label[int(golden.targets[place])] += int(gain[place])
    return by_person, {label: count for label, count in sorted(by_label.items()) if count > 0}


def interval(gains: Gains) -> tuple[int, int]:
    """95% of the sum of ``gains`` (golden volunteers), had others of their kind been there: they are resampled.

    Rounded outwards. With too few of them to resample, everything from all photos lost to all won is possible.
    """
    total = int(np.abs(gains).sum())
    if len(gains) < LEAST_PEOPLE:
        return -total, total
    drawn = np.random.default_rng(SEED).multinomial(len(gains), np.full(len(gains), 1 / len(gains)), RESAMPLES)
    low, high = np.quantile(drawn @ gains, INTERVAL)
    return int(np.floor(low)), int(np.ceil(high))

"""A linear head over fixed features: multinomial logistic regression, its strength chosen by cross-validation.

Folds are whole volunteers, so the choice of C sees no photographer twice; only train photos take part. Features are
centred, and scaled by one number a tap; both are folded into the weights, so nothing of it remains to be run.

One number a tap, not one a feature: a feature that hardly varies would get a huge folded weight, and with it the 8-bit
scale of its whole row. On the sign-language digits, rounding a head scaled feature by feature changed 2.8% of the
answers, and one scaled tap by tap 0.1%, which was the more accurate one as well (98.5% and 98.9%, five folds, C = 0.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from training.ml import compiler
from training.ml.contract import ManifestPhoto, Progress, RunSpec, a_problem

STRENGTHS = (0.03, 0.1, 0.3, 1.0)  # C of the usual notation: larger trusts the photos more
FOLDS = 3
MAX_STEPS = 200
MOST_TEMPERED, TEMPERATURES = 5.0, 201  # the range of temperatures tried, and how many


@dataclass(frozen=True)
class FittedHead:
    """weight (labels, features) and bias (labels) over raw features; what each C reached inside the train photos."""

    weight: Tensor
    bias: Tensor
    strength: float
    curve: list[dict[str, float]]  # {"C", "accuracy", "loss"}
    learned: float  # accuracy on the photos it learned from
    left_out: Tensor  # logits (n, labels) of heads with the same C that had not seen the photo's volunteer

    @property
    def inner_accuracy(self) -> float:
        """Accuracy of the chosen C in cross-validation."""
        return next((point["accuracy"] for point in self.curve if point["C"] == self.strength), 0.0)


@dataclass(frozen=True)
class Examples:
    """``features`` float32 (n, d), ``targets`` int64 (n), ``weights`` float32 (n)."""

    features: Tensor
    targets: Tensor
    weights: Tensor

    def only(self, chosen: Tensor) -> "Examples":
        """Those where ``chosen`` bool (n) is true."""
        return Examples(self.features[chosen], self.targets[chosen], self.weights[chosen])

    def total(self, values: Tensor) -> float:
        """The weighted sum of ``values`` (n)."""
        return float((values * self.weights).sum())


def targets_of(spec: RunSpec, photos: Sequence[ManifestPhoto]) -> Tensor:
    """The places of the photos' labels among the answers, int64 (n)."""
    order = {slug: place for place, slug in enumerate(spec.slugs)}
    return torch.tensor([order[photo.label] for photo in photos])


def examples_of(spec: RunSpec, photos: Sequence[ManifestPhoto], features: Tensor) -> Examples:
    """Photos with their ``features`` (n, d)."""
    return Examples(features, targets_of(spec, photos), torch.tensor([photo.weight for photo in photos]))


def fit_head(
    examples: Examples, groups: Sequence[str], *, taps: Sequence[int], label_count: int, progress: Progress
) -> FittedHead:
    """The best head; ``groups`` are the volunteers (n), ``taps`` how many of the d features belong to each tap.

    Raises ``ProblemsFoundError`` for features that are not numbers.
    """
    if not bool(examples.features.isfinite().all()):
        raise a_problem(
            "The backbone's features are not all numbers", int((~examples.features.isfinite()).any(1).sum()),
            "photos without", "Start from other weights: these are damaged, or were trained for another input.",
        )  # fmt: skip
    curve, left_out = _cross_validate(examples, groups, taps=taps, label_count=label_count, progress=progress)
    best = min(curve, key=lambda point: point["loss"])["C"]
    weight, bias = solve_head(examples, taps=taps, label_count=label_count, strength=best)
    right = (examples.features @ weight.T + bias).argmax(1) == examples.targets
    learned = examples.total(right.float()) / float(examples.weights.sum())
    return FittedHead(weight, bias, best, curve, learned, left_out[best])


def solve_head(examples: Examples, *, taps: Sequence[int], label_count: int, strength: float) -> tuple[Tensor, Tensor]:
    """Weight (labels, features) and bias (labels) over raw features, for one C."""
    mean, spread = standardise(examples.features, taps)
    scaled = replace(examples, features=(examples.features - mean) / spread)
    weight, bias = solve(scaled, label_count=label_count, strength=strength)
    folded = weight / spread
    return folded, bias - folded @ mean


def _cross_validate(
    examples: Examples, groups: Sequence[str], *, taps: Sequence[int], label_count: int, progress: Progress
) -> tuple[list[dict[str, float]], dict[float, Tensor]]:
    folds = split_by_group(groups, examples.targets)
    count = int(folds.max()) + 1
    left_out = {strength: torch.zeros(len(examples.targets), label_count) for strength in STRENGTHS}
    hits, losses = dict.fromkeys(STRENGTHS, 0.0), dict.fromkeys(STRENGTHS, 0.0)
    for fold in range(count):
        known, unseen = examples.only(folds != fold), examples.only(folds == fold)
        mean, spread = standardise(known.features, taps)
        known, unseen = (replace(part, features=(part.features - mean) / spread) for part in (known, unseen))
        start: tuple[Tensor, Tensor] | None = None
        for number, strength in enumerate(STRENGTHS, start=fold * len(STRENGTHS)):
            progress.report(number, count * len(STRENGTHS), "choosing how far to trust the photos")
            start = solve(known, label_count=label_count, strength=strength, start=start)
            logits = unseen.features @ start[0].T + start[1]
            left_out[strength][folds == fold] = logits
            hits[strength] += unseen.total((logits.argmax(1) == unseen.targets).float())
            losses[strength] += unseen.total(functional.cross_entropy(logits, unseen.targets, reduction="none"))
    everything = float(examples.weights.sum())
    curve = [
        {
            "C": strength,
            "accuracy": round(hits[strength] / everything, 5),
            "loss": round(losses[strength] / everything, 5),
        }
        for strength in STRENGTHS
    ]
    return curve, left_out


def split_by_group(groups: Sequence[str], targets: Tensor, *, count: int = FOLDS) -> Tensor:
    """A fold (0..) for each photo: whole groups, the largest first into the emptiest fold. By photo if one only."""
    sizes: dict[str, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    if len(sizes) == 1:  # nothing better can be done; the snapshot says so to people
        order = torch.argsort(targets, stable=True)
        folds = torch.empty(len(groups), dtype=torch.long)
        folds[order] = torch.arange(len(groups)) % min(count, len(groups))
        return folds
    loads, where = [0] * min(count, len(sizes)), {}
    for group in sorted(sizes, key=lambda name: (-sizes[name], name)):
        fold = loads.index(min(loads))
        where[group] = fold
        loads[fold] += sizes[group]
    return torch.tensor([where[group] for group in groups])


def standardise(features: Tensor, taps: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The mean of each feature, and for each the root mean square spread of its tap."""
    spreads = torch.split(features.std(0, unbiased=False), list(taps))
    same = [spread.square().mean().sqrt().clamp(min=1e-8).expand(len(spread)) for spread in spreads]
    return features.mean(0), torch.cat(same)


def solve(
    examples: Examples, *, label_count: int, strength: float, start: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Weight (labels, d) and bias (labels) at the least regularised loss; ``start`` only saves steps."""
    count, width = examples.features.shape
    weight = (start[0].clone() if start else torch.zeros(label_count, width)).requires_grad_()
    bias = (start[1].clone() if start else torch.zeros(label_count)).requires_grad_()
    compiler.leave_out_of_optimisers()
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=MAX_STEPS, tolerance_grad=1e-5, tolerance_change=1e-9, line_search_fn="strong_wolfe"
    )

    def loss() -> float:
        solver.zero_grad()
        logits = examples.features @ weight.T + bias
        fit = (functional.cross_entropy(logits, examples.targets, reduction="none") * examples.weights).sum()
        value = (fit + weight.square().sum() / (2 * strength)) / count
        value.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        return value.item()

    solver.step(loss)  # type: ignore[no-untyped-call]  # untyped in torch
    return weight.detach(), bias.detach()


def temperature(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> float:
    """What ``logits`` (n, labels) must be divided by so that the photos' loss is least (Guo and others, 2017).

    Within a factor of ``MOST_TEMPERED`` either way: a few photos that are all right would ask for endless certainty.
    """
    weights = torch.ones(len(targets)) if weights is None else weights
    tried = torch.logspace(-1, 1, TEMPERATURES, base=MOST_TEMPERED)
    losses = [
        float((functional.cross_entropy(logits / one, targets, reduction="none") * weights).sum()) for one in tried
    ]
    return float(tried[losses.index(min(losses))])

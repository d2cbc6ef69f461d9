"""Whether tonight's candidate reaches phones. Pure functions: figures in, a decision and one plain sentence out.

First release: the candidate must be clearly better than always giving the commonest answer, that is, the one-sided 95%
lower bound of the difference is above zero. After that, on the golden photos of labels both models know, it must be
better (bound above zero and exact McNemar p < 0.05), or no worse by more than the project's margin and either smaller
or able to answer a new label. Nothing may be worse by more than the margin than the best release of the last 90 days.
Bounds come from a bootstrap that resamples volunteers, because photos of one person are not independent.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from training.enums import GateDecision

RESAMPLES = 2000
SEED = 20_000_101  # fixed: the same figures give the same decision
DRAWN_AT_ONCE = 1_000_000  # groups: 30 MB, however many volunteers a project has
RISK = 0.05  # of calling a candidate better, or no worse, when it is not
FEW_GROUPS = 5  # below it volunteers cannot be resampled sensibly, so photos are, and the figures say so
MAX_FLIPS = 0.01  # share of the fp32 model's golden answers an artifact may change
SMALLER_BY = 0.05  # what counts as smaller: 5% fewer bytes over the files both have
NEW_LABEL_RECALL = 0.6
NEW_LABEL_PHOTOS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """One golden photo: the truth, the candidate's answer, and the other model's (None: it was not asked)."""

    volunteer: str
    label: str
    candidate: str
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One artifact as ``verify`` measured it. ``name`` is "litert int8" and the like."""

    name: str
    bytes: int
    flips: float
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the gate looks at. ``known`` are the labels of the model in use, None where there is none yet."""

    answers: Sequence[Answer]
    artifacts: Sequence[Candidate]
    labels: Sequence[str]
    margin: float
    known: Sequence[str] | None = None
    known_bytes: Mapping[str, int] = field(default_factory=dict)  # artifact name to size, of the release in use
    best: Sequence[Answer] = ()  # against the best release of 90 days, where that is another one
    is_unchanged: bool = False  # the candidate is the very model in use


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same photos. Accuracies and differences are shares of 1; ``p_better`` is one-sided."""

    photos: int
    groups: int
    by: str  # "volunteers" or "photos": what was resampled
    accuracy: float
    other_accuracy: float
    lower_bound: float
    p_better: float

    @property
    def difference(self) -> float:
        """How much more often the candidate is right."""
        return self.accuracy - self.other_accuracy

    def to_json(self) -> dict[str, Any]:
        """For the gate's stage row."""
        names = ("photos", "groups", "by", "accuracy", "other_accuracy", "difference", "lower_bound", "p_better")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``shipped`` artifact names go into the release; ``withheld`` ones stay out, each with its reason."""

    decision: GateDecision
    why: str
    shipped: tuple[str, ...] = ()
    withheld: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)


def decide(evidence: Evidence) -> Verdict:
    """Publish or keep, and why."""
    if evidence.is_unchanged:
        return Verdict(
            GateDecision.KEEP,
            "nothing has changed since the model in use was trained, so tonight's candidate is that same model.",
        )
    shipped, withheld = sort_artifacts(evidence.artifacts)
    if not shipped:
        reasons = "; ".join(f"{name}: {why}" for name, why in withheld.items()) or "none was written"
        return Verdict(GateDecision.KEEP, f"no artifact may be shipped ({reasons}).", (), withheld)
    judge = _judge_first if evidence.known is None else _judge_against
    decision, why, figures = judge(evidence, [one for one in evidence.artifacts if one.name in shipped])
    if withheld and decision == GateDecision.PUBLISH:
        why += " Left out of the release: " + "; ".join(f"{name}, {reason}" for name, reason in withheld.items()) + "."
    return Verdict(decision, why, shipped, withheld, figures)


def sort_artifacts(artifacts: Iterable[Candidate]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Which artifacts answer as the fp32 model does, and why the others do not ship."""
    shipped, withheld = [], {}
    for artifact in artifacts:
        if not artifact.flips <= MAX_FLIPS:  # so written, a NaN is withheld too
            withheld[artifact.name] = f"changes {artifact.flips:.1%} of the fp32 answers, more than {MAX_FLIPS:.0%}"
        elif artifact.mark:
            withheld[artifact.name] = artifact.mark
        else:
            shipped.append(artifact.name)
    return tuple(shipped), withheld


def compare(answers: Sequence[Answer]) -> Comparison:
    """The candidate against the other model on the same photos; at least one photo, each with both answers."""
    groups = _differences_by_group(answers)
    discordant = Counter((one.candidate == one.label) - (one.other == one.label) for one in answers)
    right = sum(one.candidate == one.label for one in answers)
    other_right = sum(one.other == one.label for one in answers)
    is_grouped = len(groups) >= FEW_GROUPS
    if not is_grouped:
        groups = [(float(gain), 1) for gain, count in sorted(discordant.items()) for _ in range(count)]
    return Comparison(
        photos=len(answers),
        groups=len(groups),
        by="volunteers" if is_grouped else "photos",
        accuracy=right / len(answers),
        other_accuracy=other_right / len(answers),
        lower_bound=_lower_bound(groups),
        p_better=mcnemar(discordant[1], discordant[-1]),
    )


def mcnemar(wins: int, losses: int) -> float:
    """Exact one-sided p: how often a fair coin would give the candidate at least ``wins`` of all photos that differ."""
    total = wins + losses
    return float(sum(math.comb(total, k) for k in range(wins, total + 1)) / 2**total)


def _differences_by_group(answers: Sequence[Answer]) -> list[tuple[float, int]]:
    """For each volunteer, by name: by how many photos the candidate wins, and how many photos there are."""
    gains: dict[str, int] = defaultdict(int)
    counts: Counter[str] = Counter()
    for one in answers:
        gains[one.volunteer] += (one.candidate == one.label) - (one.other == one.label)
        counts[one.volunteer] += 1
    return [(float(gains[name]), counts[name]) for name in sorted(counts)]


def _lower_bound(groups: Sequence[tuple[float, int]]) -> float:
    """The one-sided 95% bound of the difference in accuracy, by resampling whole groups."""
    gains, counts = (np.array(column, dtype=float) for column in zip(*groups, strict=True))
    random = np.random.default_rng(SEED)
    rows = max(1, DRAWN_AT_ONCE // len(groups))
    means: list[float] = []
    while len(means) < RESAMPLES:
        drawn = random.integers(0, len(groups), (min(rows, RESAMPLES - len(means)), len(groups)))
        means += (gains[drawn].sum(axis=1) / counts[drawn].sum(axis=1)).tolist()
    return float(np.quantile(means, RISK, method="lower"))


def _judge_first(evidence: Evidence, _: Sequence[Candidate]) -> tuple[GateDecision, str, dict[str, Any]]:
    if not evidence.answers:
        return GateDecision.KEEP, "there are no golden photos to judge on.", {}
    commonest = min(Counter(one.label for one in evidence.answers).items(), key=lambda item: (-item[1], item[0]))[0]
    found = compare([Answer(one.volunteer, one.label, one.candidate, commonest) for one in evidence.answers])
    is_better = found.lower_bound > 0
    against = (
        f"right on {found.accuracy:.1%} of {found.photos} golden photos, while always answering {commonest} would be "
        f"right on {found.other_accuracy:.1%} (difference at least {_points(found.lower_bound)} with 95% certainty)."
    )
    figures = {"against": "commonest label", **found.to_json()}
    if is_better:
        return GateDecision.PUBLISH, f"the first release: {against}", figures
    return GateDecision.KEEP, f"not clearly better than guessing: {against}", figures


def _judge_against(evidence: Evidence, shipped: Sequence[Candidate]) -> tuple[GateDecision, str, dict[str, Any]]:
    known = set(evidence.known or ())
    shared = [one for one in evidence.answers if one.label in known & set(evidence.labels) and one.other is not None]
    if not shared:
        return GateDecision.KEEP, "there is no golden photo on which it could be compared with the model in use.", {}
    found = compare(shared)
    figures: dict[str, Any] = {"against": "model in use", **found.to_json()}
    said = (
        f"{found.accuracy:.1%} against {found.other_accuracy:.1%} on {found.photos} golden photos "
        f"(difference at least {_points(found.lower_bound)} with 95% certainty, McNemar p = {found.p_better:.3f})"
    )
    if worse := _worse_than_best(evidence, figures):
        return GateDecision.KEEP, worse, figures
    if found.lower_bound > 0 and found.p_better < RISK:
        return GateDecision.PUBLISH, f"better than the model in use: {said}.", figures
    if found.lower_bound <= -evidence.margin:
        return GateDecision.KEEP, f"not shown to be as good within {_points(evidence.margin)}: {said}.", figures
    gains = _other_gains(evidence, shipped, known)
    if gains:
        return GateDecision.PUBLISH, f"no worse than the model in use, {said}, and {' and '.join(gains)}.", figures
    missed = _missed_labels(evidence, known)
    return GateDecision.KEEP, f"no better than the model in use, {said}, not smaller, and {missed}.", figures


def _worse_than_best(evidence: Evidence, figures: dict[str, Any]) -> str:
    """Stops slow decline: every night a little worse than the night before, each within the margin."""
    pairs = [one for one in evidence.best if one.other is not None]
    if not pairs:
        return ""
    found = compare(pairs)
    figures["best_of_90_days"] = found.to_json()
    if found.lower_bound > -evidence.margin:
        return ""
    return (
        f"not shown to be as good as the best release of the last 90 days within {_points(evidence.margin)}: "
        f"{found.accuracy:.1%} against {found.other_accuracy:.1%} on {found.photos} golden photos both were judged on."
    )


def _other_gains(evidence: Evidence, shipped: Sequence[Candidate], known: set[str]) -> list[str]:
    gains = []
    new, missed = _new_labels(evidence, known)
    if new and not missed:
        gains.append("it answers " + ", ".join(f"the new label {label} ({said})" for label, said in new.items()))
    both = [(one.bytes, evidence.known_bytes[one.name]) for one in shipped if one.name in evidence.known_bytes]
    before, after = sum(size for _, size in both), sum(size for size, _ in both)
    if before and after <= (1 - SMALLER_BY) * before:
        gains.append(f"its files are {1 - after / before:.0%} smaller")
    return gains


def _new_labels(evidence: Evidence, known: set[str]) -> tuple[dict[str, str], dict[str, str]]:
    """New labels that meet their floor, and those that miss it, each with how many golden photos were right."""
    met: dict[str, str] = {}
    missed: dict[str, str] = {}
    for label in evidence.labels:
        if label in known:
            continue
        mine = [one.candidate == label for one in evidence.answers if one.label == label]
        is_met = len(mine) >= NEW_LABEL_PHOTOS and sum(mine) >= NEW_LABEL_RECALL * len(mine)
        (met if is_met else missed)[label] = f"{sum(mine)} of {len(mine)} golden photos right"
    return met, missed


def _missed_labels(evidence: Evidence, known: set[str]) -> str:
    _, missed = _new_labels(evidence, known)
    if not missed:
        return "without a new label"
    listed = ", ".join(f"{label} ({said})" for label, said in missed.items())
    floor = f"{NEW_LABEL_RECALL:.0%} of at least {NEW_LABEL_PHOTOS} golden photos"
    return f"the new label misses its floor of {floor}: {listed}"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"

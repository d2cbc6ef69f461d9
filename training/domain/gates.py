"""Whether tonight's candidate reaches phones. Pure functions: figures in, a decision and one plain sentence out.

First release: the candidate must be clearly better than always giving the commonest answer, that is, the one-sided 95%
lower bound of the difference is above zero. After that, on the golden photos of labels both models know, it must be
better (bound above zero and exact McNemar p < 0.05), or no worse by more than the project's margin and either smaller
or able to answer a new label. No label may become clearly worse, and its probabilities not clearly more over-confident,
however good the rest is. Nothing may be worse by more than the margin than the best release of the last 90 days.
``docs/gate.md`` says what that means on how many photos.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from training.domain import calibrating
from training.domain.comparing import DIFFERENT, FEW_GROUPS, RISK, Answer, Comparison, compare, find_falls
from training.enums import GateDecision

MAX_FLIPS = 0.01  # share of the fp32 model's golden answers an artifact may change
SMALLER_BY = 0.05  # what counts as smaller: 5% fewer bytes over the files both have
NEW_LABEL_RECALL = 0.6
NEW_LABEL_PHOTOS = 5
NO_LOSS_SHOWS = (
    3.0  # the rule of three: with 95% certainty, what never happened on n photos happens on fewer than 3 / n
)


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
class Verdict:
    """``shipped`` artifact names go into the release; ``withheld`` ones stay out, each with its reason."""

    decision: GateDecision
    why: str
    shipped: tuple[str, ...] = ()
    withheld: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)


def decide(evidence: Evidence) -> Verdict:
    """Publish or keep, and why. How well the models know what they know is among the figures, whatever is decided."""
    verdict = _decide(evidence)
    found = calibrating.report(evidence.answers, [] if evidence.is_unchanged else _shared(evidence))
    return replace(verdict, figures={**verdict.figures, "calibration": found}) if found else verdict


def _decide(evidence: Evidence) -> Verdict:
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
    shared = _shared(evidence)
    if not shared:
        return GateDecision.KEEP, "there is no golden photo on which it could be compared with the model in use.", {}
    found = compare(shared)
    figures: dict[str, Any] = {"against": "model in use", **found.to_json()}
    worse = (
        _worse_than_best(evidence, figures)
        or _not_as_good(found, evidence.margin)
        or _worse_labels(shared, figures)
        or _worse_calibrated(shared)
    )
    if worse:
        return GateDecision.KEEP, worse, figures
    said = _say(found)
    if found.lower_bound > 0 and found.p_better < RISK:
        return GateDecision.PUBLISH, f"better than the model in use: {said}.", figures
    gains = _other_gains(evidence, shipped, known)
    if gains:
        return GateDecision.PUBLISH, f"no worse than the model in use, {said}, and {' and '.join(gains)}.", figures
    missed = _missed_labels(evidence, known)
    return GateDecision.KEEP, f"no better than the model in use, {said}, not smaller, and {missed}.", figures


def _say(found: Comparison) -> str:
    said = (
        f"{found.accuracy:.1%} against {found.other_accuracy:.1%} on {found.photos} golden photos "
        f"(difference at least {_points(found.lower_bound)} with 95% certainty, McNemar {_chance(found.p_better)}"
    )
    few = f"; fewer than {FEW_GROUPS} volunteers took them, so {DIFFERENT} of each count at most"
    return f"{said}{few if found.by == 'photos' else ''})"


def _not_as_good(found: Comparison, margin: float) -> str:
    """With advice where no result could have been enough: without any loss, n photos show 3 / n at best."""
    if found.lower_bound > -margin:
        return ""
    photos = math.ceil(NO_LOSS_SHOWS / margin) if margin > 0 else 0
    people = math.ceil(photos / DIFFERENT)
    is_too_fine = found.photos < photos or found.groups < (people if found.by == "volunteers" else photos)
    needs = f"So fine a margin needs at least {photos} golden photos by {people} volunteers."
    advice = f" {needs}" if is_too_fine else ""
    return f"not shown to be as good within {_points(margin)}: {_say(found)}.{advice}"


def _worse_labels(shared: Sequence[Answer], figures: dict[str, Any]) -> str:
    """A model that is better on the whole may have forgotten a label, and the people who need it would notice."""
    falls = find_falls(shared)
    if not falls:
        return ""
    figures["fallen_labels"] = [fall.to_json() for fall in falls]
    said = (
        f"{one.label} (right on {one.recall:.1%} of its {one.photos} golden photos against {one.other_recall:.1%}, "
        f"{_chance(one.p)})"
        for one in falls
    )
    return f"clearly worse on {' and '.join(said)}."


def _worse_calibrated(shared: Sequence[Answer]) -> str:
    """An app that trusts the probabilities would show more wrong answers than before, although no more are wrong."""
    found = calibrating.compare(shared)
    if found is None or not found.is_worse:
        return ""
    surer = [_points(one.overconfidence) for one in (found.candidate, found.other)]
    return (
        f"clearly more over-confident: surer than right by {surer[0]} in the mean on {found.photos} golden photos, "
        f"against {surer[1]} of the model in use."
    )


def _shared(evidence: Evidence) -> list[Answer]:
    """Photos of labels that the candidate and the model in use both know, with both answers."""
    both = set(evidence.known or ()) & set(evidence.labels)
    return [one for one in evidence.answers if one.label in both and one.other is not None]


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


def _chance(p: float) -> str:
    said = f"{p:.3f}"
    return "p < 0.001" if said == "0.000" else f"p = {said}"

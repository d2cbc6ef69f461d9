"""Whether probabilities are believed rightly: how often the gate refuses for them, and what "none of these" does.

Heads on the sign-language digits, five folds by volunteer, each photo judged unseen. Calibration: two heads taught by
different people, both calibrated, and then one of them made surer or shyer by a factor; nights are drawn by volunteer.
Rejection: three of ten digits are unknown to a head, and are what it is shown as photos of nothing; threshold and head
learn from other volunteers than those who judge. BENCH_WORK keeps the features, which take minutes to compute.
"""

import csv
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from benchmarks.digits import shared_data
from benchmarks.gate.answers import embed
from benchmarks.lines import emit, skip
from training.domain import calibrating
from training.domain.comparing import Answer
from training.ml.reject import COSTS, Judged, choose

WIDTH, TAUGHT, NIGHTS = 60, 0.16, 200
PEOPLE = (7, 11, 38, 107)
FACTORS = (1.0, 1.25, 1 / 0.6, 2.5, 1 / 1.5)  # of the logits
MOST_WRONG = 0.05 + 2 * (0.05 * 0.95 / NIGHTS) ** 0.5  # of so many nights
UNKNOWN = ((7, 8, 9), (0, 1, 2), (3, 6, 9), (0, 4, 5), (1, 5, 8))
NEGATIVES = (60, 400)
FOLDS = 3

Numbers = npt.NDArray[np.float64]


class Digits:
    """Features (n, d), ``labels``, ``folds`` and ``people`` of the photos."""

    def __init__(self, shared: Path) -> None:
        with (shared / "sign-digits" / "manifest.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        kept = Path(os.environ.get("BENCH_WORK") or tempfile.gettempdir()) / "daybreak-digits-features.npy"
        if not kept.is_file():
            np.save(kept, embed(shared, rows))
        self.features = np.load(kept)
        self.labels = np.array([int(row["label"]) for row in rows])
        self.folds = np.array([int(row["fold"]) for row in rows])
        self.people = np.array([row["volunteer"] for row in rows])

    def narrow(self, taught: npt.NDArray[np.bool_]) -> Numbers:
        """All photos' features in the few directions that matter to those taught, of spread 1."""
        found = PCA(WIDTH, random_state=0).fit(self.features[taught])
        return np.asarray(found.transform(self.features) / found.transform(self.features[taught]).std())


def main() -> bool:
    """Prints every figure; returns whether equally believable models were left alone."""
    shared = shared_data()
    if not (shared / "sign-digits" / "manifest.csv").is_file():
        skip("believing", f"There is no sign-digits in {shared}; DAYBREAK_SHARED_DATA may name another folder.")
        return True
    digits = Digits(shared)
    met = list(_calibration(digits))
    _rejection(digits)
    return all(met)


def _calibration(digits: Digits) -> Iterator[bool]:
    production, rival = (_calibrated(digits, _logits(digits, first=first)) for first in (True, False))
    for factor in FACTORS:
        answers = _pair(digits, rival * factor, production)
        whole = calibrating.compare(answers)
        assert whole
        name = f"logits x {factor:.2f}"
        emit(f"{name}: over-confidence", round(whole.candidate.overconfidence, 4))
        for people in PEOPLE:
            share = _refused(digits, answers, people)
            target = MOST_WRONG if factor == 1 else None
            met = None if target is None else share <= target
            emit(f"{name}: refused, {people} golden volunteers", share, target=target, met=met)
            yield met is not False


def _refused(digits: Digits, answers: list[Answer], people: int) -> float:
    """On how many of the nights the gate refuses the candidate for its probabilities."""
    random = np.random.default_rng((5, people))
    names = np.unique(digits.people)
    mine = {name: np.flatnonzero(digits.people == name).tolist() for name in names}
    worse = 0
    for _ in range(NIGHTS):
        drawn = [(time, place) for time, name in enumerate(random.choice(names, people)) for place in mine[name]]
        found = calibrating.compare([_again(answers[place], time) for time, place in drawn])
        worse += found is not None and found.is_worse
    return worse / NIGHTS


def _again(one: Answer, time: int) -> Answer:
    return Answer(f"{one.volunteer}-{time}", one.label, one.candidate, one.other, one.sure, one.other_sure)


def _logits(digits: Digits, *, first: bool) -> Numbers:
    """(photos, labels), each photo by a head that some of the other folds' volunteers taught."""
    found = np.zeros((len(digits.labels), 10))
    for fold in np.unique(digits.folds):
        order = np.random.default_rng((13, int(fold))).permutation(np.unique(digits.people[digits.folds != fold]))
        count = round(TAUGHT * len(order))
        taught = np.isin(digits.people, order[:count] if first else order[-count:])
        features, unseen = digits.narrow(taught), digits.folds == fold
        head = LogisticRegression(max_iter=300).fit(features[taught], digits.labels[taught])
        found[unseen] = head.decision_function(features[unseen])
    return found


def _calibrated(digits: Digits, logits: Numbers) -> Numbers:
    """The logits times the factor with which they are likeliest."""
    own = np.arange(len(logits)), digits.labels
    best = min(
        np.geomspace(0.2, 10, 80).tolist(), key=lambda factor: -float(np.log(_soft(logits * factor)[own]).mean())
    )
    return logits * float(best)


def _pair(digits: Digits, ours: Numbers, theirs: Numbers) -> list[Answer]:
    mine, other = _soft(ours), _soft(theirs)
    columns = (digits.people, digits.labels, mine.argmax(1), other.argmax(1))
    rows = zip(*(column.astype(str).tolist() for column in columns), mine.max(1), other.max(1), strict=True)
    return [Answer(*one) for one in rows]


def _rejection(digits: Digits) -> None:
    for count in NEGATIVES:
        trials = [list(_try(digits, unknown, fold, count)) for unknown in UNKNOWN for fold in range(FOLDS)]
        for place, cost in enumerate(COSTS):
            none, shown, lost, right = np.sum([trial[place] for trial in trials], axis=0).tolist()
            name = f"{count} negatives, a wrong answer {cost} times as bad as none"
            emit(f"{name}: other things refused", round(none / shown, 3))
            emit(f"{name}: right answers lost", round(lost / right, 3))


def _try(digits: Digits, unknown: tuple[int, ...], fold: int, count: int) -> Iterator[tuple[int, int, int, int]]:
    """For each cost: photos of nothing that are refused, of how many; right answers lost, of how many."""
    nothing, golden = np.isin(digits.labels, unknown), digits.folds == fold
    taught = ~golden & ~nothing
    features, part = digits.narrow(taught), np.searchsorted(np.unique(digits.people), digits.people) % FOLDS
    sure, right = np.zeros(len(taught)), np.zeros(len(taught), dtype=bool)
    for out in range(FOLDS):
        unseen = taught & (part == out)
        sure[unseen], right[unseen] = _judge(digits, features, taught & (part != out), unseen)
    sure[~taught], right[~taught] = _judge(digits, features, taught, ~taught)
    negatives = np.random.default_rng(fold).permutation(np.flatnonzero(~golden & nothing))[:count]
    known, other = golden & ~nothing & right, golden & nothing
    for cost in COSTS:
        least = choose(Judged(sure[taught], right[taught]), sure[negatives], cost)
        yield int((sure[other] < least).sum()), int(other.sum()), int((sure[known] < least).sum()), int(known.sum())


def _judge(
    digits: Digits, features: Numbers, taught: npt.NDArray[np.bool_], asked: npt.NDArray[np.bool_]
) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """How sure a head that others taught is of the photos asked, and whether it is right."""
    head = LogisticRegression(C=0.3, max_iter=200).fit(features[taught], digits.labels[taught])
    found = _soft(head.decision_function(features[asked]))
    return found.max(1), head.classes_[found.argmax(1)] == digits.labels[asked]


def _soft(logits: Numbers) -> Numbers:
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))

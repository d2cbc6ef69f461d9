"""Whether a model's probabilities can be believed: of answers it is 90% sure of, are 90% right? Pure functions.

The expected calibration error (Naeini et al., 2015) over bins that hold equally many photos (Nguyen and O'Connor, 2015;
"adaptive" in Nixon et al., 2019): most answers of a good model lie close to 1, where bins of equal width would hold
nearly all photos or none. Of the plain estimators it has the smallest bias (Roelofs et al., 2022). That bias remains:
on few photos a perfect model seems to be some points off. Two models on the same photos have much the same.

Its one half is over-confidence, what a model is surer than right. That harms: an app shows what it should hold back.
Less sure than right costs answers at worst. So the halves are told apart, and only the first can keep a model back.
That also keeps a law: where one more answer is right, no bin of no resample is more over-confident than before.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from training.domain.comparing import FEW_GROUPS, RESAMPLES, RISK, Answer, resample

MOST_BINS = 15
BIN_PHOTOS = 20  # at least; of fewer nobody can say how often they are right
MATERIAL = 0.02  # more over-confidence than this: of a hundred answers two more are wrong than an app was told
ORDER = attrgetter("volunteer", "sure", "other_sure", "label", "candidate", "other")  # sums then do not depend on it

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """Photos of about the same probability: its mean, and the share that was right."""

    photos: int
    sure: float
    right: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """One model. ``error`` and ``overconfidence``, its one half, are shares of 1; ``bins`` rise."""

    error: float
    overconfidence: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """A candidate and another model on the same photos; ``lower_bound`` is of how much more over-confident it is.

    None where fewer than five volunteers took the photos: nothing can be said then.
    """

    photos: int
    candidate: Calibration
    other: Calibration
    lower_bound: float | None

    @property
    def difference(self) -> float:
        """How much more over-confident the candidate is."""
        return self.candidate.overconfidence - self.other.overconfidence

    @property
    def is_worse(self) -> bool:
        """Clearly, and by more than ``MATERIAL``."""
        return self.lower_bound is not None and self.lower_bound > 0 and self.difference > MATERIAL

    def to_json(self) -> dict[str, Any]:
        """For the gate's stage row."""
        return {**asdict(self), "difference": self.difference}


def compare(answers: Sequence[Answer]) -> Beside | None:
    """Both models' calibration, whole volunteers resampled; None without photos where both told their probability."""
    both = sorted((one for one in answers if one.sure is not None and one.other_sure is not None), key=ORDER)
    if not both:
        return None
    ours = _columns([(one.sure, one.candidate == one.label) for one in both])
    theirs = _columns([(one.other_sure, one.other == one.label) for one in both])
    names, groups = np.unique([one.volunteer for one in both], return_inverse=True)
    bound = _bound(ours, theirs, groups) if len(names) >= FEW_GROUPS else None
    return Beside(len(both), _measure(*ours), _measure(*theirs), bound)


def report(answers: Sequence[Answer], shared: Sequence[Answer]) -> dict[str, Any] | None:
    """For the gate's row: both models on ``shared`` photos, else the candidate alone; None without probabilities."""
    if beside := compare(shared):
        return beside.to_json()
    mine = [(one.sure, one.candidate == one.label) for one in answers if one.sure is not None]
    mine.sort()
    return {"photos": len(mine), "candidate": asdict(_measure(*_columns(mine)))} if mine else None


def _columns(rows: Sequence[tuple[float | None, bool]]) -> tuple[Numbers, Numbers]:
    """Probabilities (n) and whether each was right, 0 or 1 (n)."""
    table = np.array(rows, dtype=float)
    return table[:, 0], table[:, 1]


def _place(sure: Numbers) -> npt.NDArray[np.intp]:
    """The bin (n) of each photo, 0 and up: equally many photos in each, but equal probabilities in one."""
    bins = max(1, min(MOST_BINS, len(sure) // BIN_PHOTOS))
    inner = np.quantile(sure, np.arange(1, bins) / bins)
    return np.unique(np.searchsorted(inner, sure, side="right"), return_inverse=True)[1]


def _measure(sure: Numbers, right: Numbers) -> Calibration:
    places = _place(sure)
    counts = np.bincount(places)
    said, was = (np.bincount(places, column) for column in (sure, right))
    gaps = (said - was) / len(sure)
    bins = zip(counts.tolist(), (said / counts).tolist(), (was / counts).tolist(), strict=True)
    return Calibration(float(np.abs(gaps).sum()), float(gaps.clip(0).sum()), tuple(Bin(*one) for one in bins))


def _bound(ours: tuple[Numbers, Numbers], theirs: tuple[Numbers, Numbers], groups: npt.NDArray[np.intp]) -> float:
    """The one-sided 95% lower bound of how much more over-confident the candidate is. Bins stay as they are."""
    count = int(groups.max()) + 1
    mine, other = _gaps(*ours, groups, count), _gaps(*theirs, groups, count)
    sizes = np.bincount(groups, minlength=count)[:, None].astype(float)
    table = np.hstack([mine, other, sizes]).astype(np.float32)
    sums = resample(table)
    width = mine.shape[1]
    more = sums[:, :width].clip(0).sum(1) - sums[:, width:-1].clip(0).sum(1)
    found = more / sums[:, -1]
    return float(np.sort(found)[int(RISK * RESAMPLES)])


def _gaps(sure: Numbers, right: Numbers, groups: npt.NDArray[np.intp], count: int) -> Numbers:
    """Of each group (rows) in each bin: the sum of probabilities, less how many were right."""
    places = _place(sure)
    table = np.zeros((count, int(places.max()) + 1))
    np.add.at(table, (groups, places), sure - right)
    return table

"""Two models on the same golden photos: how large the difference is, and how sure. Pure functions.

Photos of one person are not independent, so whole volunteers are resampled. Plain percentiles of such resamples are too
narrow in two ways, both of which would publish worse models: few people tell less than the resamples show, and people
among whom nothing happened to differ seem to prove that nothing ever differs. So the percentile is taken further out,
as far as Student's t lies beyond the normal (Hesterberg's expanded percentile), and one photo more is counted than
there is, lost by the candidate. That gives what is exact for rare losses: no loss among n photos shows 3 / n at best.
Where people gave more than ten photos each, it is a tenth of what one gave, for their photos are much alike.

Fewer than five people cannot be resampled: two people resampled are the one, the other, or both. So their photos are,
but as if each person had given ten at most. What one photo more of the same person shows is then worth nothing.

Which resample holds which volunteer depends on their number only. So one more right answer can only raise the bound.
"""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
SEED = 20_000_101  # fixed: the same figures give the same decision
DRAWN_AT_ONCE = 1_000_000  # groups: 4 MB, however many volunteers a project has
RISK = 0.05  # of calling a candidate better, or no worse, when it is not
FEW_GROUPS = 5  # below it volunteers cannot be resampled sensibly, so photos are, ten of each at most
DIFFERENT = 10  # photos of one person that tell different things, at most; the rest are more of the same
LEAST_FALL = 0.03  # of a label's recall; less is nothing that volunteers would notice

Table = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Answer:
    """One golden photo: the truth, the candidate's answer, and the other model's (None: it was not asked).

    ``sure`` and ``other_sure`` are the probabilities they gave these answers, where that is known.
    """

    volunteer: str
    label: str
    candidate: str
    other: str | None = None
    sure: float | None = None
    other_sure: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same photos. Accuracies and differences are shares of 1; ``p_better`` is one-sided."""

    photos: int
    groups: int  # so many were resampled; of ``by`` photos, ten of each volunteer at most
    by: str  # "volunteers", or "photos" where there are too few of them
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
class Fall:
    """A label that the candidate recognises less often. Recalls are shares of its ``photos``; ``p`` is corrected."""

    label: str
    photos: int
    recall: float
    other_recall: float
    p: float

    def to_json(self) -> dict[str, Any]:
        """For the gate's stage row."""
        return {name: getattr(self, name) for name in self.__slots__}


def compare(answers: Sequence[Answer]) -> Comparison:
    """The candidate against the other model on the same photos; at least one photo, each with both answers."""
    tally = Counter((one.volunteer, one.candidate == one.label, one.other == one.label) for one in answers)
    gains: dict[str, int] = defaultdict(int)
    counts: Counter[str] = Counter()
    outcomes: Counter[tuple[bool, bool]] = Counter()
    for (volunteer, mine, theirs), count in tally.items():
        gains[volunteer] += (mine - theirs) * count
        counts[volunteer] += count
        outcomes[mine, theirs] += count
    wins, losses = outcomes[True, False], outcomes[False, True]
    is_grouped = len(counts) >= FEW_GROUPS
    groups = (
        [(gains[name], counts[name]) for name in sorted(counts)]
        if is_grouped
        else _deal(wins, losses, len(answers), min(len(answers), DIFFERENT * len(counts)))
    )
    return Comparison(
        photos=len(answers),
        groups=len(groups),
        by="volunteers" if is_grouped else "photos",
        accuracy=(outcomes[True, True] + wins) / len(answers),
        other_accuracy=(outcomes[True, True] + losses) / len(answers),
        lower_bound=_lower_bound(np.array(groups, dtype=np.float32), is_grouped=is_grouped),
        p_better=mcnemar(wins, losses),
    )


def mcnemar(wins: int, losses: int) -> float:
    """Exact one-sided p: how often a fair coin would give the candidate at least ``wins`` of all photos that differ."""
    total = wins + losses
    ways = math.comb(total, wins)
    found = 0
    for k in range(wins, total + 1):
        found += ways
        ways = ways * (total - k) // (k + 1)
    return float(found / 2**total)


def find_falls(answers: Sequence[Answer]) -> list[Fall]:
    """Labels whose recall fell by more than ``LEAST_FALL`` and clearly so, the clearest first; each with both answers.

    Clearly: the exact one-sided McNemar p of the label's photos, corrected after Holm for the number of labels, is
    below ``RISK``. So of all nights with two equal models at most that share names any label.
    """
    tally = Counter((one.label, one.candidate == one.label, one.other == one.label) for one in answers)
    found = [_fall_of(label, tally) for label in {label for label, _, _ in tally}]
    falls, least = [], 0.0
    for place, fall in enumerate(sorted(found, key=lambda one: (one.p, one.label))):
        least = max(least, min(1.0, fall.p * (len(found) - place)))
        if least < RISK and round(fall.other_recall - fall.recall, 9) > LEAST_FALL:  # 1 - 0.97 is more than 0.03
            falls.append(Fall(fall.label, fall.photos, fall.recall, fall.other_recall, least))
    return falls


def _fall_of(label: str, tally: Mapping[tuple[str, bool, bool], int]) -> Fall:
    """One label's figures, p not yet corrected."""
    both, wins, losses, neither = (
        tally.get((label, *right), 0) for right in ((True, True), (True, False), (False, True), (False, False))
    )
    photos = both + wins + losses + neither
    return Fall(label, photos, (both + wins) / photos, (both + losses) / photos, mcnemar(losses, wins))


def _deal(wins: int, losses: int, photos: int, groups: int) -> list[tuple[int, int]]:
    """Gains and numbers of photos of so many groups, as equally large as can be and each of photos that went alike.

    So the groups differ as single photos do, but there are no more of them than the people behind them can vouch for.
    """
    ends = [round(place * photos / groups) for place in range(groups + 1)]
    first_win = photos - wins

    def gain(end: int) -> int:
        """Of the first ``end`` photos, the lost ones first and the won ones last."""
        return max(0, end - first_win) - min(end, losses)

    return [(gain(end) - gain(start), end - start) for start, end in itertools.pairwise(ends)]


def _lower_bound(groups: Table, *, is_grouped: bool) -> float:
    """The one-sided 95% bound of the difference in accuracy; ``groups`` (n, 2) are gains and numbers of photos."""
    counts = groups[:, 1].astype(float)
    alike = float(counts.sum() ** 2 / (counts**2).sum())  # so many groups of equal size would tell as much
    lost = max(1, round(counts.sum() / ((DIFFERENT if is_grouped else 1) * len(groups))))
    table = np.vstack([groups, np.array([[-lost, lost]], dtype=np.float32)])
    sums = resample(table)
    return float(np.quantile(sums[:, 0] / sums[:, 1], _expanded_risk(alike), method="lower"))


def resample(table: Table) -> Table:
    """Sums (``RESAMPLES``, columns) of as many rows of ``table`` (n, columns) as it has, drawn with replacement."""
    return np.concatenate([drawn @ table for drawn in _resamples(len(table))])


def _expanded_risk(groups: float) -> float:
    """The percentile that keeps ``RISK`` where so many groups were resampled."""
    normal = NormalDist()
    groups = max(groups, FEW_GROUPS)
    z, freedom = normal.inv_cdf(1 - RISK), groups - 1
    student = (  # Fisher's expansion of Student's quantile, within 0.1% from 4 degrees of freedom on
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
    return normal.cdf(-student * math.sqrt(groups / freedom))


def _resamples(groups: int) -> Iterator[Table]:
    """How often each group is in each resample, (rows, groups); all blocks together have ``RESAMPLES`` rows."""
    rows = min(RESAMPLES, max(1, DRAWN_AT_ONCE // groups))
    for start in range(0, RESAMPLES, rows):
        yield _draw(groups, min(rows, RESAMPLES - start), start)


@lru_cache(maxsize=4)
def _draw(groups: int, rows: int, start: int) -> Table:
    drawn = np.random.default_rng((SEED, start)).integers(0, groups, (rows, groups))
    places = drawn + groups * np.arange(rows)[:, None]
    return np.bincount(places.ravel(), minlength=rows * groups).reshape(rows, groups).astype(np.float32)

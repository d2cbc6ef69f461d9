"""Which of several networks is worth its cost: accuracy x (cost / target) ^ w, as MnasNet weighs it (arXiv 1807.11626).

The cost is multiply-adds. Up to the target w is -0.07, as in the paper: twice the multiply-adds must bring 5% more
right answers. Without a target of the project's own w is the same above it, and the target only names where the factor
is one. With one, w is -1 above it, the paper's hard limit: what costs twice as much must be right twice as often.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

W, HARD_W = -0.07, -1.0
USUAL_TARGET_M = 300  # million multiply-adds: MobileNetV2 at 224 x 224, the scale of the papers' mobile networks
WORTH_A_CHANGE = 0.01  # share of the score by which another network must beat the one in use


@dataclass(frozen=True, slots=True)
class Candidate:
    """One network as it was probed. ``accuracy`` is a share, the rest as in ``cost.Cost``."""

    arch: str
    accuracy: float
    multiply_adds: int
    bytes_int8: int
    latency_ms: float

    def is_beaten_by(self, other: "Candidate") -> bool:
        """Whether the other is no worse and no dearer, and not the same in both."""
        mine, theirs = (self.accuracy, -self.multiply_adds), (other.accuracy, -other.multiply_adds)
        return theirs != mine and theirs[0] >= mine[0] and theirs[1] >= mine[1]

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``result.json``."""
        return asdict(self)


def score(candidate: Candidate, target_m: int | None) -> float:
    """What ``choose`` makes as large as it can. ``target_m`` is the project's, in millions, or None."""
    ratio = candidate.multiply_adds / (1e6 * (target_m or USUAL_TARGET_M))
    return float(candidate.accuracy * ratio ** (HARD_W if target_m and ratio > 1 else W))


def choose(candidates: Sequence[Candidate], *, target_m: int | None, in_use: str = "") -> Candidate:
    """The best one: never one that another beats. Of equals the cheapest, then the first.

    The network ``in_use`` stays unless it is beaten or another's score is more than 1% better: a change of network is a
    whole download for every phone, and must not come and go with chance.
    """
    best = max(candidates, key=lambda one: (score(one, target_m), -one.multiply_adds))
    used = next((one for one in candidates if one.arch == in_use), best)
    is_worth_it = score(best, target_m) > score(used, target_m) * (1 + WORTH_A_CHANGE)
    return best if is_worth_it or any(used.is_beaten_by(other) for other in candidates) else used

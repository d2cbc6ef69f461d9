"""Labels that look wrong: what a head that never saw a volunteer takes their photos for, against what they are called.

Confident learning (Northcutt, Jiang and Chuang, 2021, arXiv 1911.00068): a label's threshold is the mean probability
that photos called so get for it. A photo that reaches another label's threshold, and of those it reaches has the
highest for that one, is counted as that label; where it is called otherwise, its name is suspicious. So labels that
the head is seldom sure of are not suspected wholesale, nor is a photo that the head knows nothing about.

Whole volunteers are left out, so nobody's habit of naming things wrongly vouches for itself.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

MOST = 500  # suspicions a night: more than reviewers would look through


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The photo in this ``place`` is rather the label ``likely`` (an output place); ``margin`` is 0 to 1."""

    place: int
    likely: int
    margin: float  # probability of the likely label less that of the one it is called


def find_suspicions(probabilities: Tensor, targets: Tensor) -> list[Suspicion]:
    """The surest first, ``MOST`` at most; ``probabilities`` (n, labels) are out of fold, ``targets`` int64 (n)."""
    count = probabilities.shape[1]
    called = torch.nn.functional.one_hot(targets, count).to(probabilities.dtype)
    thresholds = (probabilities * called).sum(0) / called.sum(0).clamp(min=1)
    thresholds[called.sum(0) == 0] = 2.0  # of a label that nobody used: reached by nothing
    sure = torch.where(probabilities >= thresholds, probabilities, torch.zeros_like(probabilities))
    likely = sure.argmax(1)
    margins = probabilities.gather(1, likely[:, None])[:, 0] - probabilities.gather(1, targets[:, None])[:, 0]
    found = ((sure.amax(1) > 0) & (likely != targets) & (margins > 0)).nonzero()[:, 0]
    order = found[torch.argsort(margins[found], descending=True, stable=True)][:MOST]
    return [Suspicion(int(place), int(likely[place]), round(float(margins[place]), 6)) for place in order]

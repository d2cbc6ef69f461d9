"""Draws for one volunteer. What a client volunteer can draw, a training volunteer never can, and vice versa."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_STRATA = 24  # each range is cut into as many slices; training owns the even ones, the client the odd ones


class Lot:
    """A seeded source of a volunteer's habits, camera, lights and surfaces."""

    def __init__(self, seed: int, *, unseen: bool) -> None:
        self._unseen = unseen
        self.random = np.random.default_rng([seed, int(unseen)])

    def between(self, low: float, high: float) -> float:
        """A number of the half of [low, high) that belongs to this side."""
        stratum = 2 * self.random.integers(_STRATA // 2) + self._unseen
        return float(low + (high - low) * (stratum + self.random.random()) / _STRATA)

    def one_of(self, seen: Sequence[T], unseen: Sequence[T]) -> T:
        """A kind of thing: the two sides choose from lists of their own."""
        kinds = unseen if self._unseen else seen
        return kinds[int(self.random.integers(len(kinds)))]

    def seed(self) -> int:
        """A seed for something of this volunteer's own."""
        return int(self.random.integers(2**62))

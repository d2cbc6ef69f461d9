"""Volunteers and bursts, each of which goes to one side whole, and the choice of the side."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from training.domain.seen import Seen, pseudonym
from training.enums import Side

GOLDEN_SHARE = 0.2


@dataclass(slots=True)
class Unit:
    """A volunteer or a burst: how many photos of each label, and what was said of their side before."""

    name: str
    fixed: Side | None = None  # written down by an earlier night
    labels: dict[str, int] = field(default_factory=dict)
    before: Side | None = None  # of its photos, from when bursts were split: who has taught once may not judge
    pinned: Side | None = None
    side: Side | None = None

    def count(self, seen: Seen, before: str | None = None) -> None:
        """One more photo, which was on the side ``before``."""
        self.labels[seen.label] = self.labels.get(seen.label, 0) + 1
        if before:
            self.before = Side.TRAIN if Side.TRAIN in (self.before, before) else Side.GOLDEN
        if seen.pinned:
            self.pinned = Side.GOLDEN if Side.GOLDEN in (self.pinned, seen.pinned) else Side.TRAIN

    def find_side(self) -> Side | None:
        """The side of a person where something is known of it."""
        return self.fixed or self.before or self.pinned


def choose_sides(units: Sequence[Unit], *, secret: str, min_golden: int) -> None:
    """Gives every unit without a side one: by keyed hash first, then whole units until each label has enough golden."""
    tally = _Tally(units)
    hashed = sorted((pseudonym(secret, "side", unit.name), unit.name, unit) for unit in units if unit.side is None)
    for code, _, unit in hashed:
        if int(code, 16) < GOLDEN_SHARE * 16**32 and tally.can_spare(unit):
            tally.make_golden(unit)
    for _, _, unit in hashed:
        is_wanted = any(tally.golden[label] < min_golden for label in unit.labels)
        if unit.side is None and is_wanted and tally.can_spare(unit):
            tally.make_golden(unit)
    for _, _, unit in hashed:
        unit.side = unit.side or Side.TRAIN


class _Tally:
    """How much of each label is golden, in photos and in units."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.photos: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self.golden: Counter[str] = Counter()
        self.golden_units: Counter[str] = Counter()
        for unit in units:
            self.photos.update(unit.labels)
            self.units.update(unit.labels.keys())
            if unit.side == Side.GOLDEN:
                self._count(unit)

    def can_spare(self, unit: Unit) -> bool:
        """Whether at least half of each of its labels, in photos and in units, would stay in train."""
        return all(
            2 * (self.golden[label] + count) <= self.photos[label]
            and 2 * (self.golden_units[label] + 1) <= self.units[label]
            for label, count in unit.labels.items()
        )

    def make_golden(self, unit: Unit) -> None:
        """Puts a unit on the golden side."""
        unit.side = Side.GOLDEN
        self._count(unit)

    def _count(self, unit: Unit) -> None:
        self.golden.update(unit.labels)
        self.golden_units.update(unit.labels.keys())

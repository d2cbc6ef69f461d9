"""Who teaches and who judges: sides by volunteer and burst, never by photo. No database.

Laws, each with a test: a volunteer's or photo's side never changes, but that a person of two names teaches if either
did; a golden photo never trains, whatever is added later; golden keeps growing with the project, yet at least half of
every label stays on the train side.

Photos are read several times, in the order of their names, and never held: memory is for people and golden photos'
hashes. Photos of nobody known are the exception, for bursts among them can only be found side by side.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.domain import bursts, lookalikes
from training.domain.seen import Seen, pseudonym
from training.domain.units import Unit, choose_sides
from training.enums import Side

KNOWN_VOLUNTEERS = 5  # below it nobody can be spared to judge, and bursts are split instead
COMPARED_AT_ONCE = 20_000  # train photos whose hashes are compared with the golden ones in one go

UNJUDGED = "its pixels are not those that a reviewer accepted"
NEAR_DUPLICATE = "near-duplicate of a golden photo"
PINNED_ELSEWHERE = "pinned to the side its volunteer is not on"
ONCE_GOLDEN = "golden on an earlier night, while its volunteer trains"
ONCE_TRAINED = "learned from on an earlier night, while its volunteer judges"


class Place(NamedTuple):
    """Where a photo goes: a side and the group that stays together there, or no side and the reason."""

    side: Side | None
    group: str = ""
    reason: str = ""


@dataclass(slots=True)
class Split:
    """Sides of people, by volunteer, and of photos that are nobody's; ``stored`` is what to write down for ever.

    ``counts`` are the placed photos by label and side; each of the ``people`` counts their own, too.
    """

    earlier: Mapping[str, str]
    people: dict[str, Unit] = field(default_factory=dict)
    loose: dict[str, Place] = field(default_factory=dict)
    copies: set[str] = field(default_factory=set)
    stored: dict[str, Side] = field(default_factory=dict)
    counts: Counter[tuple[str, Side]] = field(default_factory=Counter)
    optimistic: bool = False

    def place(self, seen: Seen) -> Place:
        """The side of a photo that was among those split, or why it has none."""
        if not seen.is_judged:
            return Place(None, reason=UNJUDGED)
        if seen.photo in self.copies:
            return Place(None, reason=NEAR_DUPLICATE)
        return self.loose.get(seen.photo) or self._place_of_person(seen)

    def count(self, photos: Iterable[Seen], side: Side) -> None:
        """More photos that were placed on a side."""
        for seen in photos:
            self.counts[seen.label, side] += 1
            if seen.photo not in self.loose:
                self.people[seen.volunteer].count(seen)

    def _place_of_person(self, seen: Seen) -> Place:
        unit = self.people[seen.volunteer]
        side, before = unit.side or Side.TRAIN, self.earlier.get(f"p:{seen.photo}")
        if before == Side.GOLDEN and side == Side.TRAIN:
            return Place(None, reason=ONCE_GOLDEN)
        if before == Side.TRAIN and side == Side.GOLDEN:
            return Place(None, reason=ONCE_TRAINED)
        if seen.pinned and seen.pinned != side:
            return Place(None, reason=PINNED_ELSEWHERE)
        return Place(side, unit.name)


def split_photos(photos: Iterable[Seen], stored: Mapping[str, str], *, secret: str, min_golden: int) -> Split:
    """Sorts photos into train and golden; ``photos`` can be iterated again and again, in the order of their names.

    ``stored`` is what earlier nights wrote down ("v:<volunteer>" or "p:<photo>" to side) and always wins; then come
    pins, then a keyed hash that makes about 20% of the volunteers golden, topped up by whole volunteers until each
    label has ``min_golden`` golden photos. At least half of a label's photos and volunteers stay in train.
    """
    split = Split(stored)
    judged = _Judged(photos)
    by_volunteer = _are_many_known(judged)
    split.optimistic = not by_volunteer
    rest = _count_people(judged, split, by_volunteer=by_volunteer)
    fixed = {seen.photo: side for seen in rest if (side := _side_of_photo(seen, stored))}
    together = bursts.find_bursts(rest)
    groups = [_unit_of_burst(burst, fixed, by_volunteer=by_volunteer) for burst in together]
    people = [unit for _, unit in sorted(split.people.items())]
    choose_sides([*people, *groups], secret=secret, min_golden=min_golden)
    split.stored = {unit.name: unit.side or Side.TRAIN for unit in people}
    for unit, burst in zip(groups, together, strict=True):
        _settle_burst(unit, burst, fixed, split)
    split.stored = {name: side for name, side in split.stored.items() if name not in stored}
    _leave_out_copies(judged, split)
    return split


class _Judged(Iterable[Seen]):
    """Photos whose pixels a reviewer judged: others take no part in anything."""

    def __init__(self, photos: Iterable[Seen]) -> None:
        self._photos = photos

    def __iter__(self) -> Iterator[Seen]:
        return (seen for seen in self._photos if seen.is_judged)


def _are_many_known(photos: Iterable[Seen]) -> bool:
    known: set[str] = set()
    for seen in photos:
        if seen.is_known:
            known.add(seen.volunteer)
            if len(known) >= KNOWN_VOLUNTEERS:
                return True
    return False


def _count_people(photos: Iterable[Seen], split: Split, *, by_volunteer: bool) -> list[Seen]:
    """Fills ``split.people``, and returns the photos that are nobody's."""
    rest: list[Seen] = []
    for seen in photos:
        side = split.earlier.get(f"v:{seen.volunteer}")
        if not seen.is_known or not (by_volunteer or side):
            rest.append(seen)
            continue
        unit = split.people.get(seen.volunteer)
        if unit is None:
            unit = split.people[seen.volunteer] = Unit(f"v:{seen.volunteer}", fixed=Side(side) if side else None)
        unit.count(seen, split.earlier.get(f"p:{seen.photo}"))
    for unit in split.people.values():
        unit.side = unit.find_side()
    return rest


def _side_of_photo(seen: Seen, stored: Mapping[str, str]) -> Side | None:
    side = stored.get(f"p:{seen.photo}") or seen.pinned
    return Side(side) if side else None


def _unit_of_burst(burst: list[Seen], fixed: Mapping[str, Side], *, by_volunteer: bool) -> Unit:
    unit = Unit(f"p:{burst[0].photo}")
    for seen in burst:
        unit.count(seen, fixed.get(seen.photo))
    # Beside known people nobody knows whose these are, and golden volunteers must not train: so they only ever train.
    unit.side = unit.before or (Side.TRAIN if by_volunteer else None)
    return unit


def _settle_burst(unit: Unit, burst: list[Seen], fixed: Mapping[str, Side], split: Split) -> None:
    for seen in burst:
        side = fixed.get(seen.photo) or unit.side or Side.TRAIN
        split.loose[seen.photo] = Place(side, unit.name)
        split.stored[f"p:{seen.photo}"] = side
        split.optimistic = split.optimistic or side == Side.GOLDEN


def _leave_out_copies(photos: Iterable[Seen], split: Split) -> None:
    """Takes train photos out that are copies of a golden one: they would let the model see what judges it.

    Counts what is placed on the way.
    """
    for unit in split.people.values():
        unit.labels.clear()  # from here on they count what is placed
    looks, digests = bytearray(), bytearray()
    for part in _parts_on(Side.GOLDEN, photos, split):
        looks += lookalikes.pack([seen.look_hash for seen in part])[0].tobytes()
        digests += _digests(part).tobytes()
        split.count(part, Side.GOLDEN)
    golden, same = np.frombuffer(looks, np.uint64).reshape(-1, 4), np.sort(np.frombuffer(digests, "S32"))
    for part in _parts_on(Side.TRAIN, photos, split):
        places = _places_in(same, _digests(part))
        places |= lookalikes.find_copied([seen.look_hash for seen in part], golden)
        split.copies |= {part[place].photo for place in places}
        split.count([seen for place, seen in enumerate(part) if place not in places], Side.TRAIN)


def _parts_on(side: Side, photos: Iterable[Seen], split: Split) -> Iterator[list[Seen]]:
    found = (seen for seen in photos if split.place(seen).side == side)
    while part := list(itertools.islice(found, COMPARED_AT_ONCE)):
        yield part


def _places_in(known: NDArray[np.bytes_], digests: NDArray[np.bytes_]) -> set[int]:
    """Which of ``digests`` are in ``known``, which is sorted."""
    if not len(known):
        return set()
    nearest = known[np.minimum(np.searchsorted(known, digests), len(known) - 1)]
    return set(np.flatnonzero(nearest == digests).tolist())


def _digests(photos: Sequence[Seen]) -> NDArray[np.bytes_]:
    """Shape (photos,), 32 bytes each."""
    return np.array([bytes.fromhex(seen.sha256) for seen in photos], dtype="S32")


__all__ = ["Place", "Seen", "Split", "pseudonym", "split_photos"]

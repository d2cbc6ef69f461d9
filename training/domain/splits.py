"""Who teaches and who judges: sides by volunteer and burst, never by photo. Pure functions, no database.

Laws, each with a test: a volunteer's or photo's side never changes here (``retirements`` may move a golden volunteer to
train, once); a golden photo never trains, whatever is added later; golden keeps growing with the project, yet at least
half of every label stays on the train side.
"""

import hashlib
import hmac
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from training.domain import lookalikes
from training.enums import Side

GOLDEN_SHARE = 0.2
KNOWN_VOLUNTEERS = 5  # below it nobody can be spared to judge, and bursts are split instead
BURST_GAP_S = 60.0
BURST_PHOTOS = 8  # a longer series is cut: one person photographing for an hour must not become one indivisible burst

NEAR_DUPLICATE = "near-duplicate of a golden photo"
PINNED_ELSEWHERE = "pinned to the side its volunteer is not on"
ONCE_GOLDEN = "golden on an earlier night, while its volunteer trains"
ONCE_TRAINED = "learned from on an earlier night, while its volunteer judges"


@dataclass(frozen=True, slots=True)
class Seen:
    """A photo as the split sees it; names are pseudonyms, ``captured_at`` is seconds since 1970."""

    photo: str
    sha256: str
    label: str
    volunteer: str
    is_known: bool = True
    look_hash: str = ""
    captured_at: float | None = None
    pinned: str = ""


@dataclass(slots=True)
class Split:
    """``sides`` and ``groups`` by photo, ``stored`` what to write down for ever, ``left_out`` reason by photo."""

    sides: dict[str, Side] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    stored: dict[str, Side] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    optimistic: bool = False


@dataclass(slots=True)
class _Unit:
    """A volunteer or a burst: goes to one side whole."""

    name: str
    photos: list[Seen]
    side: Side | None = None


def pseudonym(secret: str, kind: str, name: object) -> str:
    """A stable name that says nothing outside this project: 32 hexadecimal digits of a keyed hash."""
    return hmac.new(secret.encode(), f"{kind}:{name}".encode(), hashlib.sha256).hexdigest()[:32]


def split_photos(photos: Sequence[Seen], stored: Mapping[str, str], *, secret: str, min_golden: int) -> Split:
    """Sorts photos into train and golden.

    ``stored`` is what earlier nights wrote down ("v:<volunteer>" or "p:<photo>" to side) and always wins; then come
    pins, then a keyed hash that makes about 20% of the volunteers golden, topped up by whole volunteers until each
    label has ``min_golden`` golden photos. At least half of a label's photos and volunteers stay in train.
    """
    ordered = sorted(photos, key=lambda seen: seen.photo)
    by_volunteer = len({seen.volunteer for seen in ordered if seen.is_known}) >= KNOWN_VOLUNTEERS
    people, bursts, loose = _units(ordered, stored, by_volunteer=by_volunteer)
    _choose(people + bursts, secret=secret, min_golden=min_golden)
    result = Split(optimistic=not by_volunteer)
    for unit in people:
        _settle_person(unit, stored, result)
    for unit in bursts:
        for seen in unit.photos:
            side = loose.get(seen.photo) or unit.side or Side.TRAIN
            _place(seen, side, unit.name, result)
            result.stored[f"p:{seen.photo}"] = side
            result.optimistic = result.optimistic or side == Side.GOLDEN
    result.stored = {name: side for name, side in result.stored.items() if name not in stored}
    _leave_out_copies(ordered, result)
    return result


def _units(
    photos: Sequence[Seen], stored: Mapping[str, str], *, by_volunteer: bool
) -> tuple[list[_Unit], list[_Unit], dict[str, Side]]:
    """People, bursts, and the sides already fixed photo by photo inside bursts."""
    owned: dict[str, list[Seen]] = defaultdict(list)
    rest: list[Seen] = []
    for seen in photos:
        is_person = seen.is_known and (by_volunteer or f"v:{seen.volunteer}" in stored)
        (owned[seen.volunteer] if is_person else rest).append(seen)
    people = [_Unit(f"v:{name}", mine, _side_of_person(name, mine, stored)) for name, mine in sorted(owned.items())]
    fixed = {seen.photo: _side_of_photo(seen, stored) for seen in rest}
    loose = {photo: side for photo, side in fixed.items() if side}
    bursts = [_Unit(f"p:{mine[0].photo}", mine, _side_of_burst(mine, loose)) for mine in find_bursts(rest)]
    if by_volunteer:  # nobody knows whose these are, and golden volunteers must not train: so they only ever train
        for burst in bursts:
            burst.side = burst.side or Side.TRAIN
    return people, bursts, loose


def _side_of_person(name: str, photos: Sequence[Seen], stored: Mapping[str, str]) -> Side | None:
    if side := stored.get(f"v:{name}"):
        return Side(side)
    earlier = {stored[f"p:{seen.photo}"] for seen in photos if f"p:{seen.photo}" in stored}
    if earlier:  # from when bursts were split: who has taught once may not judge
        return Side.TRAIN if Side.TRAIN in earlier else Side.GOLDEN
    pins = {seen.pinned for seen in photos if seen.pinned}
    return None if not pins else Side.GOLDEN if Side.GOLDEN in pins else Side.TRAIN


def _side_of_photo(seen: Seen, stored: Mapping[str, str]) -> Side | None:
    side = stored.get(f"p:{seen.photo}") or seen.pinned
    return Side(side) if side else None


def _side_of_burst(photos: Sequence[Seen], loose: Mapping[str, Side]) -> Side | None:
    sides = {loose[seen.photo] for seen in photos if seen.photo in loose}
    return None if not sides else Side.TRAIN if Side.TRAIN in sides else Side.GOLDEN


def find_bursts(photos: Sequence[Seen]) -> list[list[Seen]]:
    """Photos that belong together: one volunteer's of one label within 60 s of each other, and copies of a photo.

    Each burst is sorted by photo, and the bursts by their first photo.
    """
    leader = list(range(len(photos)))

    def find(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    for one, other in _links(photos):
        low, high = sorted((find(one), find(other)))
        leader[high] = low
    together: dict[int, list[Seen]] = defaultdict(list)
    for place, seen in enumerate(photos):
        together[find(place)].append(seen)
    return sorted((sorted(group, key=_by_photo) for group in together.values()), key=lambda group: group[0].photo)


def _links(photos: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    hashes = [seen.look_hash for seen in photos]
    yield from ((i, j) for i, j in lookalikes.find_copies(hashes, hashes) if i < j)
    first: dict[str, int] = {}
    for place, seen in enumerate(photos):
        yield first.setdefault(seen.sha256, place), place
    timed = [(seen.volunteer, seen.label, seen.captured_at, place) for place, seen in enumerate(photos)]
    series = sorted((who, label, at, place) for who, label, at, place in timed if at is not None)
    held = 1
    for before, after in itertools.pairwise(series):
        is_near = before[:2] == after[:2] and after[2] - before[2] <= BURST_GAP_S
        held = held % BURST_PHOTOS + 1 if is_near else 1
        if is_near and held > 1:
            yield before[3], after[3]


def _choose(units: Iterable[_Unit], *, secret: str, min_golden: int) -> None:
    """Gives every unit without a side one: by keyed hash first, then whole units until each label has enough golden."""
    everything = list(units)
    tally = _Tally(everything)
    hashed = sorted((pseudonym(secret, "side", unit.name), unit) for unit in everything if unit.side is None)
    undecided = [unit for _, unit in hashed]
    for code, unit in hashed:
        if int(code, 16) < GOLDEN_SHARE * 16**32 and tally.can_spare(unit):
            tally.make_golden(unit)
    for unit in undecided:
        is_wanted = any(tally.golden[seen.label] < min_golden for seen in unit.photos)
        if unit.side is None and is_wanted and tally.can_spare(unit):
            tally.make_golden(unit)
    for unit in undecided:
        unit.side = unit.side or Side.TRAIN


class _Tally:
    """How much of each label is golden, in photos and in units."""

    def __init__(self, units: Iterable[_Unit]) -> None:
        self.photos: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self.golden: Counter[str] = Counter()
        self.golden_units: Counter[str] = Counter()
        for unit in units:
            self.photos.update(seen.label for seen in unit.photos)
            self.units.update({seen.label for seen in unit.photos})
            if unit.side == Side.GOLDEN:
                self._count(unit)

    def can_spare(self, unit: _Unit) -> bool:
        """Whether at least half of each of its labels, in photos and in units, would stay in train."""
        for label, count in Counter(seen.label for seen in unit.photos).items():
            if 2 * (self.golden[label] + count) > self.photos[label]:
                return False
            if 2 * (self.golden_units[label] + 1) > self.units[label]:
                return False
        return True

    def make_golden(self, unit: _Unit) -> None:
        """Puts a unit on the golden side."""
        unit.side = Side.GOLDEN
        self._count(unit)

    def _count(self, unit: _Unit) -> None:
        self.golden.update(seen.label for seen in unit.photos)
        self.golden_units.update({seen.label for seen in unit.photos})


def _settle_person(unit: _Unit, stored: Mapping[str, str], result: Split) -> None:
    side = unit.side or Side.TRAIN
    result.stored[unit.name] = side
    for seen in unit.photos:
        if stored.get(f"p:{seen.photo}") == Side.GOLDEN and side == Side.TRAIN:
            result.left_out[seen.photo] = ONCE_GOLDEN
        elif stored.get(f"p:{seen.photo}") == Side.TRAIN and side == Side.GOLDEN:
            result.left_out[seen.photo] = ONCE_TRAINED
        elif seen.pinned and seen.pinned != side:
            result.left_out[seen.photo] = PINNED_ELSEWHERE
        else:
            _place(seen, side, unit.name, result)


def _place(seen: Seen, side: Side, group: str, result: Split) -> None:
    result.sides[seen.photo] = side
    result.groups[seen.photo] = group


def _leave_out_copies(photos: Sequence[Seen], result: Split) -> None:
    """Takes train photos out that are copies of a golden one: they would let the model see what judges it."""
    placed = [seen for seen in photos if seen.photo in result.sides]
    train = [seen for seen in placed if result.sides[seen.photo] == Side.TRAIN]
    golden = [seen for seen in placed if result.sides[seen.photo] == Side.GOLDEN]
    same = {seen.sha256 for seen in golden}
    copies = {seen.photo for seen in train if seen.sha256 in same}
    pairs = lookalikes.find_copies([seen.look_hash for seen in train], [seen.look_hash for seen in golden])
    copies |= {train[i].photo for i, _ in pairs}
    for photo in copies:
        del result.sides[photo], result.groups[photo]
        result.left_out[photo] = NEAR_DUPLICATE


def _by_photo(seen: Seen) -> str:
    return seen.photo

"""Photos that belong together although nobody knows who took them: series of one moment, and copies of a photo."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter

from training.domain import lookalikes
from training.domain.seen import Seen

BURST_GAP_S = 60.0
BURST_PHOTOS = 8  # a longer series is cut: one person photographing for an hour must not become one indivisible burst

by_photo = attrgetter("photo")


def find_bursts(photos: Sequence[Seen]) -> list[list[Seen]]:
    """Photos that belong together: one volunteer's of one label within 60 s of each other, and copies of a photo.

    Each burst is sorted by photo, and the bursts by their first photo. All of them are in memory at once.
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
    return sorted((sorted(group, key=by_photo) for group in together.values()), key=lambda group: group[0].photo)


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

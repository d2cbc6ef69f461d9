"""Laws of the split: who has judged never teaches, whatever is added, renamed or found out later."""

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from training.domain import splits
from training.domain.splits import Seen
from training.enums import Side

SECRET = "a" * 64
LABELS = ("five", "ten", "twenty")


def seen(number: int, volunteer: int, label: str = "five", **fields: Any) -> Seen:
    """A photo unlike any other."""
    name = splits.pseudonym(SECRET, "photo", number)
    looks = f"{random.Random(number).getrandbits(256):064x}"
    whole: dict[str, Any] = {
        "photo": name,
        "sha256": name * 2,
        "label": label,
        "volunteer": f"v{volunteer}",
        "look_hash": looks,
    }
    return Seen(**{**whole, **fields})


@dataclass
class Sorted:
    """A split, looked at photo by photo."""

    sides: dict[str, Side]
    groups: dict[str, str]
    left_out: dict[str, str]
    stored: dict[str, Side]
    optimistic: bool


def split(photos: list[Seen], stored: dict[str, str] | None = None, min_golden: int = 3) -> Sorted:
    ordered = sorted(photos, key=lambda one: one.photo)
    found = splits.split_photos(ordered, stored or {}, secret=SECRET, min_golden=min_golden)
    places = {one.photo: found.place(one) for one in ordered}
    counts = Counter((one.label, places[one.photo].side) for one in ordered if places[one.photo].side)
    assert counts == +found.counts
    return Sorted(
        {photo: place.side for photo, place in places.items() if place.side},
        {photo: place.group for photo, place in places.items() if place.side},
        {photo: place.reason for photo, place in places.items() if not place.side},
        found.stored,
        found.optimistic,
    )


def golden_of(result: Sorted) -> set[str]:
    return {photo for photo, side in result.sides.items() if side == Side.GOLDEN}


@st.composite
def nights(draw: st.DrawFn) -> list[list[Seen]]:
    """Photos as they come, night by night: volunteers known or not, pins, bursts and copies."""
    known_from = draw(st.integers(0, 2))
    count = draw(st.integers(1, 4))
    photos: list[Seen] = []
    grown = []
    for _ in range(count):
        for _ in range(draw(st.integers(1, 25))):
            number = len(photos)
            fields: dict[str, object] = {
                "is_known": draw(st.integers(0, 9)) > known_from,
                "captured_at": draw(st.none() | st.floats(0, 600)),
                "pinned": draw(st.sampled_from(["", "", "", "", "train", "golden"])),
            }
            if photos and draw(st.integers(0, 9)) == 0:
                fields["look_hash"] = draw(st.sampled_from(photos)).look_hash
            photos.append(seen(number, draw(st.integers(0, 9)), draw(st.sampled_from(LABELS)), **fields))
        grown.append(list(photos))
    return grown


@given(nights())
@settings(max_examples=120, deadline=None)
def test_golden_never_trains_as_photos_are_added(grown: list[list[Seen]]) -> None:
    stored: dict[str, str] = {}
    once_golden: set[str] = set()
    for photos in grown:
        result = split(photos, stored)
        assert not any(result.sides.get(photo) == Side.TRAIN for photo in once_golden)
        assert not set(result.stored) & set(stored)  # what is written down is never written again
        stored |= result.stored
        once_golden |= golden_of(result)


@given(nights())
@settings(max_examples=60, deadline=None)
def test_every_photo_has_a_side_or_a_reason(grown: list[list[Seen]]) -> None:
    result = split(grown[-1])
    names = {one.photo for one in grown[-1]}
    assert set(result.sides) | set(result.left_out) == names
    assert not set(result.sides) & set(result.left_out)
    assert set(result.groups) == set(result.sides)


@given(nights())
@settings(max_examples=60, deadline=None)
def test_no_known_volunteer_is_on_both_sides(grown: list[list[Seen]]) -> None:
    result = split(grown[-1])
    if len({one.volunteer for one in grown[-1] if one.is_known}) < splits.KNOWN_VOLUNTEERS:
        assert result.optimistic
        return
    sides = {
        (one.volunteer, result.sides[one.photo]) for one in grown[-1] if one.is_known and one.photo in result.sides
    }
    assert len(sides) == len({volunteer for volunteer, _ in sides})


@given(nights(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_photos_does_not_matter(grown: list[list[Seen]], shuffle: random.Random) -> None:
    photos = list(grown[-1])
    before = split(photos)
    shuffle.shuffle(photos)
    assert split(photos) == before


def test_about_a_fifth_of_the_volunteers_is_golden() -> None:
    result = split([seen(number, number // 3) for number in range(3000)])
    assert 0.15 < len(golden_of(result)) / 3000 < 0.25


def test_whole_volunteers_top_up_a_label_that_lacks_golden_photos() -> None:
    photos = [seen(number, number % 10, LABELS[number % 2]) for number in range(200)]
    rare = [seen(1000 + number, 100 + number // 2, "twenty") for number in range(40)]
    result = split(photos + rare, min_golden=12)
    counts = Counter(one.label for one in photos + rare if result.sides[one.photo] == Side.GOLDEN)
    assert min(counts[label] for label in LABELS) >= 12


def test_topping_up_leaves_half_of_each_label_to_train() -> None:
    photos = [seen(number, number // 2, LABELS[number % 3]) for number in range(60)]
    result = split(photos, min_golden=1000)
    for label in LABELS:
        mine = [one for one in photos if one.label == label]
        golden = [one for one in mine if result.sides[one.photo] == Side.GOLDEN]
        assert 2 * len(golden) <= len(mine)
        assert 2 * len({one.volunteer for one in golden}) <= len({one.volunteer for one in mine})


def test_a_label_by_one_volunteer_alone_stays_in_train() -> None:
    photos = [seen(number, number % 8) for number in range(80)] + [seen(100 + n, 50, "ten") for n in range(30)]
    result = split(photos, min_golden=10)
    assert {result.sides[one.photo] for one in photos if one.label == "ten"} == {Side.TRAIN}


def test_pins_of_an_import_are_honoured() -> None:
    pinned = [seen(n, n // 4, pinned="golden" if n // 4 in {1, 3} else "train") for n in range(40)]
    result = split(pinned)
    assert {one.photo for one in pinned if one.pinned == "golden"} == golden_of(result)


def test_a_volunteer_pinned_to_both_sides_judges_and_never_teaches() -> None:
    photos = [seen(number, number % 6) for number in range(60)]
    torn = [seen(100, 77, pinned="golden"), seen(101, 77, pinned="train")]
    result = split(photos + torn)
    assert result.sides[torn[0].photo] == Side.GOLDEN
    assert result.left_out[torn[1].photo] == splits.PINNED_ELSEWHERE


def test_a_copy_of_a_golden_photo_is_left_out_of_train() -> None:
    photos = [seen(n, n // 4, pinned="golden" if n < 8 else "train") for n in range(40)]
    flipped = f"{int(photos[0].look_hash, 16) ^ 0b1011:064x}"
    copy = seen(500, 9, pinned="train", look_hash=flipped)
    same_bytes = seen(501, 9, pinned="train", sha256=photos[1].sha256)
    result = split([*photos, copy, same_bytes])
    assert result.left_out == {copy.photo: splits.NEAR_DUPLICATE, same_bytes.photo: splits.NEAR_DUPLICATE}


def test_unknown_volunteers_among_many_known_ones_only_teach() -> None:
    known = [seen(number, number % 20) for number in range(200)]
    unknown = [seen(1000 + number, 99, is_known=False) for number in range(50)]
    result = split(known + unknown)
    assert {result.sides[one.photo] for one in unknown} == {Side.TRAIN}
    assert not result.optimistic


def test_below_five_volunteers_bursts_stay_together_and_the_result_is_optimistic() -> None:
    photos = [seen(n, n % 2, LABELS[n % 3], captured_at=float(3600 * (n // 12) + n)) for n in range(360)]
    result = split(photos, min_golden=5)
    assert result.optimistic
    assert golden_of(result)
    together: dict[tuple[str, str, int], set[Side]] = {}
    for number, one in enumerate(photos):
        together.setdefault((one.volunteer, one.label, number // 12), set()).add(result.sides[one.photo])
    assert all(len(sides) == 1 for sides in together.values())


def test_copies_stay_together_where_volunteers_are_unknown() -> None:
    photos = [seen(n, 0, is_known=False, look_hash=seen(n // 2, 0).look_hash) for n in range(200)]
    result = split(photos)
    assert golden_of(result)
    assert not result.left_out  # a copy on the other side would have been left out
    assert all(result.sides[photos[n].photo] == result.sides[photos[n + 1].photo] for n in range(0, 200, 2))


def test_one_long_series_is_cut_so_that_a_part_can_judge() -> None:
    photos = [seen(n, 0, is_known=False, captured_at=float(n)) for n in range(100)]
    assert len(golden_of(split(photos, min_golden=10))) >= 10


def test_who_taught_when_bursts_were_split_never_judges_later() -> None:
    early = [seen(n, n % 2, captured_at=1000.0 * n) for n in range(60)]
    first = split(early)
    crowd = [seen(100 + n, 10 + n % 20) for n in range(200)]
    second = split(early + crowd, dict(first.stored))
    assert not second.optimistic
    assert {second.left_out.get(photo) for photo in golden_of(first)} == {splits.ONCE_GOLDEN}
    assert all(second.sides[one.photo] == Side.TRAIN for one in early if one.photo not in golden_of(first))

"""Copies are found, photos that are merely alike are not."""

import csv
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from collector.normaliser.pixels import look_hash
from tests.training.shared_data import find_digits
from training.domain.lookalikes import MOST_BITS, PLAIN_BITS, find_copies


def hashed(bits: int) -> str:
    return f"{bits:064x}"


telling = st.integers(0).map(lambda seed: random.Random(seed).getrandbits(256))


@given(telling, st.sets(st.integers(0, 255), max_size=20))
def test_copies_are_those_within_ten_bits(bits: int, flips: set[int]) -> None:
    other = bits
    for flip in flips:
        other ^= 1 << flip
    found = list(find_copies([hashed(bits)], [hashed(other)]))
    is_plain = not PLAIN_BITS <= other.bit_count() <= 256 - PLAIN_BITS
    assert bool(found) == (len(flips) <= MOST_BITS and not is_plain)


def test_pairs_are_the_same_as_comparing_each_with_each() -> None:
    draw = random.Random(7)
    bases = [draw.getrandbits(256) for _ in range(20)]

    def near(bits: int) -> int:
        for flip in draw.sample(range(256), draw.randint(0, 14)):
            bits ^= 1 << flip
        return bits

    these, those = ([near(draw.choice(bases)) for _ in range(300)] for _ in range(2))
    wanted = {(i, j) for i, a in enumerate(these) for j, b in enumerate(those) if (a ^ b).bit_count() <= MOST_BITS}
    found = list(find_copies([hashed(a) for a in these], [hashed(b) for b in those]))
    assert len(found) == len(set(found))
    assert set(found) == wanted


@pytest.mark.parametrize("text", ["", "0" * 64, "f" * 64, "zz" * 32, "ab" * 8])
def test_hashes_that_tell_nothing_match_nothing(text: str) -> None:
    assert list(find_copies([text], [text])) == []


def test_real_photos_that_are_alike_are_not_copies_but_their_copies_are() -> None:
    """1,753 hands before plain walls: no two photos match, while enlarged and re-encoded ones do."""
    folder = find_digits()
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        paths = [folder / row["file"] for row in csv.DictReader(file)]
    photos = [Image.open(path).convert("RGB") for path in paths]
    hashes = [look_hash(photo) for photo in photos]
    assert [pair for pair in find_copies(hashes, hashes) if pair[0] < pair[1]] == []
    copies = [_again(photo) for photo in photos[::10]]
    found = {i for i, j in find_copies([look_hash(copy) for copy in copies], hashes) if j == 10 * i}
    assert len(found) >= 0.9 * len(copies)


def _again(photo: Image.Image) -> Image.Image:
    out = io.BytesIO()
    photo.resize((photo.width * 2, photo.height * 2)).save(out, "JPEG", quality=80)
    return Image.open(out).convert("RGB")

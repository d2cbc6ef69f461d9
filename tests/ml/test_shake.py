"""A hand that shakes: what the views of a photo are, and how flips are counted."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.ml import making
from training.ml import contract, shake
from training.ml.photos import prepare, read_pixels
from training.ml.shake import Shake, View

CONTRACT = contract.InputContract.of_size(64)
STILL = Shake(shift=0, roll=0, zoom=1, light=0)
SHAKES = st.builds(Shake, st.floats(0, 0.2), st.floats(0, 20), st.floats(1, 1.3), st.floats(0, 0.3))
SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300))


def photo(digest: str = "0" * 64) -> contract.ManifestPhoto:
    return contract.ManifestPhoto("p-1", digest, "circle", "v1", "golden")


def noise(size: tuple[int, int], low: int = 0, high: int = 255) -> Image.Image:
    pixels = np.random.default_rng(3).integers(low, high, (size[1], size[0], 3), np.uint8, endpoint=True)
    return Image.fromarray(pixels)


# --- the views -----------------------------------------------------------------------------------------------------
@given(SIZES)
def test_view_of_a_hand_that_does_not_shake_is_the_photo_itself(size: tuple[int, int]) -> None:
    image = noise(size)
    for seen in shake.see(image, shake.draw_views(photo(), 1, STILL), CONTRACT):
        assert np.array_equal(seen, prepare(image, CONTRACT))


@given(SHAKES, SIZES, st.integers(0, 99))
def test_view_has_no_border_that_was_not_in_the_photo(hand: Shake, size: tuple[int, int], seed: int) -> None:
    views = shake.draw_views(photo(), seed, hand)
    for view, seen in zip(views, shake.see(noise(size, 200, 240), views, CONTRACT), strict=True):
        assert seen.shape == (64, 64, 3)
        # Pillow's bicubic weights add up to 1.5 in size along a line, so noise of 220 +- 20 stays above
        # 220 - 20 * 1.5**2; one part black in four would not.
        assert seen.min() >= 175 * view.light - 1


@given(SHAKES, st.integers(0, 99))
def test_views_are_shaken_no_more_than_they_may(hand: Shake, seed: int) -> None:
    for view in shake.draw_views(photo(), seed, hand):
        assert max(abs(view.right), abs(view.down)) <= hand.shift
        assert abs(view.roll) <= hand.roll
        assert 1 / hand.zoom - 1e-9 <= view.zoom <= hand.zoom + 1e-9
        assert abs(view.light - 1) <= hand.light + 1e-9


@given(st.integers(0, 2**32 - 1), st.text("0123456789abcdef", min_size=64, max_size=64))
def test_views_hang_on_the_seed_and_the_photo_s_bytes_alone(seed: int, digest: str) -> None:
    again = contract.ManifestPhoto("another name", digest, "square", "v2", "golden")
    views = shake.draw_views(photo(digest), seed, Shake())
    assert shake.draw_views(again, seed, Shake()) == views
    assert shake.draw_views(photo(digest), seed + 1, Shake()) != views
    assert len(set(views)) == shake.VIEWS


def test_view_to_the_right_and_down_shows_what_lies_there() -> None:
    image = noise((64, 64))
    (seen,) = shake.see(image, [View(right=0.25, down=0.125, roll=0, zoom=1, light=1)], CONTRACT)
    assert np.array_equal(seen[:56, :48], np.asarray(image)[8:, 16:])


def test_view_beyond_the_edge_is_a_mirror() -> None:
    image = noise((64, 64))
    (seen,) = shake.see(image, [View(right=0.25, down=0, roll=0, zoom=1, light=1)], CONTRACT)
    assert np.array_equal(seen[:, 48:], seen[:, 32:48][:, ::-1])


def test_view_from_nearer_shows_the_middle_larger() -> None:
    image = Image.new("RGB", (64, 64), (90, 90, 90))
    image.paste((200, 200, 200), (24, 24, 40, 40))
    (seen,) = shake.see(image, [View(right=0, down=0, roll=0, zoom=2, light=1)], CONTRACT)
    assert (seen[20:44, 20:44] == 200).all()
    assert (seen[:12] == 90).all()


@pytest.mark.parametrize("size", [(64, 64), (256, 256)], ids=["interpolated", "picked and then shrunk"])
def test_view_turned_a_quarter_is_the_photo_turned(size: tuple[int, int]) -> None:
    image = noise((8, 8)).resize(size, Image.Resampling.BILINEAR)
    (seen,) = shake.see(image, [View(right=0, down=0, roll=90, zoom=1, light=1)], CONTRACT)
    turned = prepare(image.transpose(Image.Transpose.ROTATE_90), CONTRACT)
    assert abs(seen.astype(int) - turned).max() <= 1


def test_view_in_more_light_is_brighter_and_never_wraps_round() -> None:
    image = Image.new("RGB", (64, 64), (100, 200, 254))
    (seen,) = shake.see(image, [View(right=0, down=0, roll=0, zoom=1, light=1.1)], CONTRACT)
    assert seen[5, 5].tolist() == [110, 220, 255]


# --- which photos --------------------------------------------------------------------------------------------------
def test_sample_of_few_photos_is_all_of_them() -> None:
    assert shake.sample([photo(f"{n:064x}") for n in range(40)], seed=1) == list(range(40))


def test_sample_of_many_photos_is_bounded_and_another_for_another_seed() -> None:
    photos = [photo(f"{n:064x}") for n in range(900)]
    found = shake.sample(photos, seed=1)
    assert (len(found), len(set(found)), found) == (shake.SAMPLE, shake.SAMPLE, sorted(found))
    assert shake.sample(photos, seed=2) != found


@given(st.integers(0, 899))
def test_sample_loses_at_most_one_photo_to_a_new_one(place: int) -> None:
    photos = [photo(f"{n:064x}") for n in range(900)]
    before = {photos[at].sha256 for at in shake.sample(photos, seed=1)}
    grown = [*photos[:place], photo("f" * 64), *photos[place:]]
    assert len(before - {grown[at].sha256 for at in shake.sample(grown, seed=1)}) <= 1


def test_read_views_gives_every_photo_s_looks_in_turn(tmp_path: Path) -> None:
    photos = making.make_photos(tmp_path, volunteers=2)
    still = torch.cat(list(shake.read_views(tmp_path / "photos", photos, CONTRACT, seed=1, by=STILL)))
    plain = torch.cat(list(read_pixels(tmp_path / "photos", photos, CONTRACT)))
    assert torch.equal(still, plain.repeat_interleave(shake.VIEWS, 0))


def test_read_views_twice_are_the_same(tmp_path: Path) -> None:
    photos = making.make_photos(tmp_path, volunteers=2)
    read = [torch.cat(list(shake.read_views(tmp_path / "photos", photos, CONTRACT, seed=1, by=Shake()))) for _ in "12"]
    assert torch.equal(*read)


# --- flips ---------------------------------------------------------------------------------------------------------
PHOTOS = [photo(f"{n:064x}") for n in range(12)]  # all of circles


def test_count_flips_where_every_view_is_answered_alike_is_nought() -> None:
    found = shake.count_flips(PHOTOS, ["circle"] * 48, ["circle"] * 12)
    assert (found["photos"], found["views_of_each"]) == (12, shake.VIEWS)
    assert (found["photos_flipped"], found["views_flipped"]) == (0, 0)
    assert (found["accuracy"], found["accuracy_untouched"]) == (1, 1)


def test_count_flips_counts_photos_and_views() -> None:
    found = shake.count_flips(PHOTOS, ["square", *["circle"] * 47], ["circle"] * 12)
    assert (found["photos_flipped"], found["views_flipped"]) == (round(1 / 12, 6), round(1 / 48, 6))
    assert (found["accuracy"], found["accuracy_untouched"]) == (round(47 / 48, 6), 1)


def test_count_flips_of_a_photo_answered_wrongly_at_first_still_counts_its_right_views() -> None:
    found = shake.count_flips(PHOTOS, ["circle"] * 48, ["square", *["circle"] * 11])
    assert (found["photos_flipped"], found["accuracy"]) == (round(1 / 12, 6), 1)
    assert found["accuracy_untouched"] == round(11 / 12, 6)

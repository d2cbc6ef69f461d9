"""From a photo on disk to the network's input: the size, the middle, and only the bytes that were reviewed."""

import hashlib
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.ml import making
from training.ml import contract
from training.ml.photos import decode, prepare, read_batches, read_photo, shrunk_photos

CONTRACT = contract.InputContract.of_size(64)


def stripes(width: int, height: int) -> Image.Image:
    """Each column's red is its number: where a pixel came from can be read off."""
    row = np.arange(width, dtype=np.uint8)
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, :, 0] = row
    pixels[:, :, 1] = np.arange(height, dtype=np.uint8)[:, None]
    return Image.fromarray(pixels)


def kept(folder: Path, data: bytes) -> contract.ManifestPhoto:
    digest = hashlib.sha256(data).hexdigest()
    (folder / f"{digest}.jpg").write_bytes(data)
    return contract.ManifestPhoto("p-1", digest, "circle", "v1", "train")


def problem_of(folder: Path, photo: contract.ManifestPhoto) -> contract.Problem:
    with pytest.raises(contract.ProblemsFoundError) as caught:
        read_photo(folder, photo)
    (problem,) = caught.value.problems
    return problem


def test_input_of_a_photo_at_the_contract_s_size_is_the_photo() -> None:
    image = stripes(64, 64)
    assert np.array_equal(prepare(image, CONTRACT), np.asarray(image))


def test_input_of_a_wide_photo_is_its_middle() -> None:
    pixels = prepare(stripes(100, 64), CONTRACT)
    assert pixels[0, :, 0].tolist() == list(range(18, 82))


def test_input_of_a_tall_photo_is_its_middle() -> None:
    pixels = prepare(stripes(64, 100), CONTRACT)
    assert pixels[:, 0, 1].tolist() == list(range(18, 82))


def test_input_with_an_odd_pixel_left_over_leaves_it_on_the_right() -> None:
    pixels = prepare(stripes(67, 64), CONTRACT)
    assert pixels[0, :, 0].tolist() == list(range(1, 65))


def test_input_with_a_longer_short_side_is_cut_from_all_sides() -> None:
    pixels = prepare(stripes(80, 80), contract.InputContract(64, contract.ResizeRule(80)))
    assert pixels[0, :, 0].tolist() == list(range(8, 72))
    assert pixels[:, 0, 1].tolist() == list(range(8, 72))


def test_input_of_a_large_photo_is_shrunk_with_antialiasing() -> None:
    checks = np.indices((256, 256)).sum(0) % 2 * 255
    pixels = prepare(Image.fromarray(np.stack([checks] * 3, 2).astype(np.uint8)), CONTRACT)
    assert abs(pixels[8:-8, 8:-8].astype(float) - 127.5).max() < 8


def test_input_without_antialiasing_differs_for_a_photo_that_is_shrunk() -> None:
    image = Image.effect_noise((256, 256), 80).convert("RGB")
    assert not np.array_equal(prepare(image, CONTRACT), prepare(image, CONTRACT, antialias=False))


def test_input_without_antialiasing_is_the_same_for_a_photo_that_is_enlarged() -> None:
    image = Image.effect_noise((40, 50), 80).convert("RGB")
    assert np.array_equal(prepare(image, CONTRACT), prepare(image, CONTRACT, antialias=False))


@given(st.integers(1, 400), st.integers(1, 400), st.integers(32, 96), st.integers(0, 30))
def test_input_of_any_photo_has_the_contract_s_size(width: int, height: int, size: int, more: int) -> None:
    found = contract.InputContract(size, contract.ResizeRule(size + more))
    assert prepare(Image.new("RGB", (width, height)), found).shape == (size, size, 3)


def test_photo_taken_on_its_side_is_read_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    assert decode(making.jpeg(Image.new("RGB", (80, 40)), exif=exif)).size == (40, 80)


def test_photo_in_grey_is_read_as_rgb() -> None:
    assert decode(making.jpeg(Image.new("L", (8, 8), 77))).mode == "RGB"


def test_photo_with_other_bytes_than_were_reviewed_is_refused(tmp_path: Path) -> None:
    photo = kept(tmp_path, making.draw("circle", 1, 1))
    other = making.draw("circle", 1, 2)
    (tmp_path / f"{photo.sha256}.jpg").write_bytes(other)
    problem = problem_of(tmp_path, photo)
    assert problem.what == "The bytes of photo p-1 are not those that were reviewed"
    assert problem.value == f"sha256 {hashlib.sha256(other).hexdigest()}"
    assert problem.allowed == f"sha256 {photo.sha256}"


def test_photo_whose_bytes_are_missing_is_named(tmp_path: Path) -> None:
    photo = contract.ManifestPhoto("p-9", "0" * 64, "circle", "v1", "train")
    assert problem_of(tmp_path, photo).what == "The bytes of photo p-9 are missing"


def test_stage_that_lacks_a_photo_ends_with_3_so_that_a_supervisor_may_bring_it(tmp_path: Path) -> None:
    work = making.make_work(tmp_path, making.make_photos(tmp_path, volunteers=4, golden=1), arch="squeezenet1_1")
    shutil.rmtree(work / "photos")
    making.run_stage("start", work)
    ran = making.run_command("fit", "--spec", work / "spec.json", "--in", work)
    assert (ran.status, ran.of("problem")[0]["allowed"]) == (contract.EXIT_PHOTOS, "every photo of the manifest")


@pytest.mark.parametrize("data", [b"", b"not a photo", making.draw("circle", 1, 1)[:300]], ids=["empty", "text", "cut"])
def test_photo_that_cannot_be_decoded_is_named(tmp_path: Path, data: bytes) -> None:
    problem = problem_of(tmp_path, kept(tmp_path, data))
    assert problem.what == "Photo p-1 cannot be read"
    assert "JPEG" in problem.allowed


def test_photo_in_a_format_no_trainer_needs_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "TIFF")
    assert problem_of(tmp_path, kept(tmp_path, out.getvalue())).what == "Photo p-1 cannot be read"


def test_photo_over_fifty_megapixels_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("1", (10_001, 5_000)).save(out, "PNG")
    assert "10001 x 5000 pixels" in problem_of(tmp_path, kept(tmp_path, out.getvalue())).value


def test_batches_of_photos_keep_their_order_and_channels(tmp_path: Path) -> None:
    photos = making.make_photos(tmp_path, volunteers=12, each=1)
    found = list(read_batches(tmp_path / "photos", photos, CONTRACT))
    assert [photo for part, _ in found for photo in part] == photos
    first = prepare(read_photo(tmp_path / "photos", photos[0]), CONTRACT)
    assert np.array_equal(found[0][1][0].permute(1, 2, 0).numpy(), first)
    assert len(found) == 2  # never all of them in memory


def test_photos_that_are_shrunk_are_those_larger_than_the_short_side(tmp_path: Path) -> None:
    photos = [kept(tmp_path, making.jpeg(Image.new("RGB", size))) for size in [(64, 64), (65, 65), (99, 64), (99, 70)]]
    assert shrunk_photos(tmp_path, photos, CONTRACT) == [1, 3]

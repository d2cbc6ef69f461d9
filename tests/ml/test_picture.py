"""The picture that shows what a capture profile does to photos."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.ml import making
from training.ml import contract
from training.ml.photos import prepare, read_photo
from training.ml.picture import GAP, ROWS, VERSIONS, WIDE_GAP

STILL = {way.name: way.least for way in contract.WAYS}


def draw(folder: Path, photos: int, **profile: float) -> npt.NDArray[np.int16]:
    """The picture's cells, (rows, 1 + versions, size, size, 3)."""
    making.make_work(folder, making.make_photos(folder)[:photos], capture_profile=profile)
    making.run_stage("picture", folder)
    with Image.open(folder / "picture" / "picture.jpg") as image:
        pixels = np.asarray(image).astype(np.int16)
    step = making.SIZE + GAP
    lefts = [GAP, *(GAP + WIDE_GAP - GAP + step * column for column in range(1, VERSIONS + 1))]
    tops = [GAP + step * row for row in range(ROWS)]
    size = making.SIZE
    return np.stack([[pixels[top : top + size, left : left + size] for left in lefts] for top in tops])


def differ(one: npt.NDArray[np.int16], other: npt.NDArray[np.int16]) -> float:
    return float(abs(one - other).mean())


def test_picture_shows_each_photo_as_the_model_sees_it_first(tmp_path: Path) -> None:
    cells = draw(tmp_path, ROWS)
    photos = contract.read_manifest(tmp_path / "snapshot" / "manifest.jsonl")
    for row, photo in enumerate(photos):
        seen = prepare(read_photo(tmp_path / "photos", photo), contract.InputContract.of_size(making.SIZE))
        assert differ(cells[row, 0], seen.astype(np.int16)) < 4


def test_picture_by_a_profile_without_differences_shows_the_same_photo_seven_times(tmp_path: Path) -> None:
    cells = draw(tmp_path, ROWS, **STILL)
    assert max(differ(row[0], changed) for row in cells for changed in row[1:]) < 4


def test_picture_by_the_usual_profile_shows_no_two_versions_alike(tmp_path: Path) -> None:
    row = draw(tmp_path, ROWS)[0]
    assert min(differ(row[a], row[b]) for a in range(len(row)) for b in range(a)) > 4


def test_picture_of_fewer_photos_than_rows_shows_them_again(tmp_path: Path) -> None:
    cells = draw(tmp_path, 3)
    assert differ(cells[0, 0], cells[3, 0]) < 4
    assert differ(cells[0, 1], cells[3, 1]) > 4


def test_picture_without_photos_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(contract.ProblemsFoundError, match="Accept photos in review first"):
        draw(tmp_path, 0)


def test_picture_by_an_unusable_profile_says_so(tmp_path: Path) -> None:
    with pytest.raises(contract.ProblemsFoundError, match="roll in capture_profile is not usable"):
        draw(tmp_path, 1, roll=400)

"""Who photographs what in a demo: the rendered plan, a folder of your own photos, and the rival by colour."""

from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from config.demo import folders, pictures
from config.demo.baseline import BINS, NearestMean, colour_histogram
from config.demo.closing import Outcome
from config.demo.phone import Answer


def encode(colour: tuple[int, int, int]) -> bytes:
    out = BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, "JPEG")
    return out.getvalue()


def make_folder(root: Path, counts: dict[str, int]) -> Path:
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f"{number:03d}.jpg").write_bytes(encode((number, 90, 90)))
    return root


def test_dozens_of_guests_share_the_work_and_the_client_is_nobody_among_them() -> None:
    plan = pictures.plan_rendered(1, 40, 20)
    assert plan.guests == 40
    assert len(plan.first) == 800
    assert {shot.label for shot in plan.first} == {slug for slug, _ in plan.labels} - {plan.collecting}
    assert {shot.label for shot in plan.second} == {plan.collecting}
    assert {shot.label for shot in plan.client} == {slug for slug, _ in plan.labels}
    people = {shot.picture.person for shot in (*plan.first, *plan.second, *plan.late)}
    clients = {shot.picture.person for shot in plan.client}
    assert not people & clients
    assert all(shot.picture.is_client for shot in plan.client)


def test_a_few_guests_err_so_that_the_reviewer_has_something_to_do() -> None:
    plan = pictures.plan_rendered(1, 40, 20)
    mislabelled = [shot for shot in plan.first if shot.claimed not in {shot.label, None}]
    unsure = [shot for shot in plan.first if shot.claimed is None]
    spoiled = [shot for shot in plan.first if shot.is_spoiled]
    assert [len(kind) for kind in (mislabelled, unsure, spoiled)] == [8, 8, 8]
    assert plan == pictures.plan_rendered(1, 40, 20)
    assert plan != pictures.plan_rendered(2, 40, 20)


def test_a_spoiled_photo_shows_nothing() -> None:
    spoiled = np.asarray(Image.open(BytesIO(pictures.spoil(encode((250, 250, 250))))))
    assert spoiled.max() < 40


def test_your_own_photos_are_dealt_to_guests_and_some_kept_for_the_client(tmp_path: Path) -> None:
    make_folder(tmp_path, {"Apple": 100, "Pear tree": 60, "Plum": 50})
    plan = folders.plan_folder(tmp_path, 1, 10)
    assert plan.labels == (("apple", "Apple"), ("pear-tree", "Pear tree"), ("plum", "Plum"))
    assert plan.collecting == "plum"
    assert {shot.label for shot in plan.client} == {"apple", "pear-tree", "plum"}
    assert {shot.label for shot in plan.second} == {"plum"}
    used = [shot.picture for shot in (*plan.first, *plan.second, *plan.late, *plan.client)]
    assert len(used) == len(set(used)) == 210
    assert 0.1 < len(plan.client) / 210 < 0.3
    assert plan.guests == 10


def test_neighbours_stay_with_one_guest(tmp_path: Path) -> None:
    make_folder(tmp_path, {"a": 100, "b": 100, "c": 100})
    plan = folders.plan_folder(tmp_path, 1, 10)
    mine = sorted((shot.picture.path.name, shot.guest) for shot in plan.second)
    changes = sum(one[1] != other[1] for one, other in pairwise(mine))
    assert changes <= 12


def test_with_two_labels_the_second_night_brings_more_of_both(tmp_path: Path) -> None:
    make_folder(tmp_path, {"a": 60, "b": 60})
    plan = folders.plan_folder(tmp_path, 1, 10)
    assert plan.collecting is None
    assert {shot.label for shot in plan.first} == {shot.label for shot in plan.second} == {"a", "b"}


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "no folder with photos"),
        ({"a": 0, "b": 0}, "no folder with photos"),
        ({"a": 60}, "a single label"),
        ({"a": 60, "b": 2}, "too few photos"),
        ({"A b": 30, "a-b": 30}, "the same label"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_four_parts(
    tmp_path: Path, counts: dict[str, int], said: str
) -> None:
    make_folder(tmp_path, counts)
    with pytest.raises(folders.PhotosError, match=said) as caught:
        folders.plan_folder(tmp_path, 1, 10)
    assert all(part in str(caught.value) for part in ("value:", "allowed:", "do:"))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(folders.PhotosError, match="no such folder"):
        folders.read_folder(tmp_path / "nowhere")


def test_the_rival_names_by_colour_alone() -> None:
    red, blue = colour_histogram(encode((200, 20, 20))), colour_histogram(encode((20, 20, 200)))
    rival = NearestMean([("red", red), ("blue", blue)])
    assert red.shape == (BINS**3,)
    assert red.sum() == pytest.approx(1)
    assert rival.name(colour_histogram(encode((205, 25, 10)))) == "red"
    assert rival.accuracy([("red", red), ("red", blue)]) == 0.5
    with pytest.raises(ValueError, match="no photos to name"):
        rival.accuracy([])
    with pytest.raises(ValueError, match="no photos to learn"):
        NearestMean([])


def test_the_figures_hold_what_the_phone_said() -> None:
    answers = [Answer("1.jpg", "a", "a", 0.9, right=True), Answer("2.jpg", "a", "b", 0.6, right=False)]
    client = Outcome(answers=answers, colour_histogram_accuracy=0.2).to_json()["client"]
    assert client["accuracy"] == 0.5
    assert client["colour_histogram_accuracy"] == 0.2
    assert client["answers"][1] == {"photo": "2.jpg", "label": "a", "answer": "b", "probability": 0.6, "right": False}

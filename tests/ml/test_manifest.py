"""The frozen list of photos: read whole, or refused by the line at fault; and enough of every label, or no run."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ml import making
from training.ml import contract
from training.ml.workspace import sha256_of

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=10)
PHOTOS = st.builds(
    contract.ManifestPhoto, photo=NAMES, sha256=st.text("0123456789abcdef", min_size=64, max_size=64), label=NAMES,
    volunteer=NAMES, side=st.sampled_from(["train", "golden"]), weight=st.floats(0, 1e6),
)  # fmt: skip


def problems_of(work: Path) -> list[contract.Problem]:
    """What the first stage says of a work folder."""
    with pytest.raises(contract.ProblemsFoundError) as caught:
        making.run_stage("start", work)
    return list(caught.value.problems)


def write_lines(folder: Path, *lines: object) -> Path:
    path = folder / "manifest.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), "utf-8")
    return path


@given(st.lists(PHOTOS, max_size=5, unique_by=lambda photo: photo.photo))
def test_manifest_after_a_round_trip_is_the_same_and_sorted(
    tmp_path_factory: pytest.TempPathFactory, photos: list[contract.ManifestPhoto]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.jsonl"
    digest = contract.write_manifest(path, photos)
    assert contract.read_manifest(path) == sorted(photos, key=lambda photo: photo.photo)
    assert digest == sha256_of(path)


def test_manifest_in_any_order_has_one_digest(tmp_path: Path) -> None:
    photos = making.make_photos(tmp_path, volunteers=2)
    first = contract.write_manifest(tmp_path / "a", photos)
    assert contract.write_manifest(tmp_path / "b", photos[::-1]) == first


def test_snapshot_after_a_round_trip_is_the_same() -> None:
    label = contract.SnapshotLabel("circle", "Circle", 3, 2, 1)
    snapshot = contract.Snapshot((label,), 3, 2, 2, 1, "ab", optimistic=True, note="same photographer")
    assert contract.Snapshot.from_json(json.loads(json.dumps(snapshot.to_json()))) == snapshot


def test_manifest_with_broken_lines_names_each_by_number(tmp_path: Path) -> None:
    good = dataclasses.asdict(contract.ManifestPhoto("p", "0" * 64, "circle", "v", "train"))
    path = write_lines(
        tmp_path, good, "not json", {**good, "photo": "q", "side": "left"}, {**good, "photo": "r", "sha256": "x"}
    )
    with pytest.raises(contract.ProblemsFoundError) as caught:
        contract.read_manifest(path)
    told = " | ".join(problem.what for problem in caught.value.problems)
    assert "manifest line 1 " not in told
    assert all(f"manifest line {number} " in told for number in (2, 3, 4))


def test_manifest_with_a_photo_twice_is_refused(tmp_path: Path) -> None:
    line = dataclasses.asdict(contract.ManifestPhoto("twice", "0" * 64, "circle", "v", "train"))
    with pytest.raises(contract.ProblemsFoundError, match=r"listed twice in the manifest \(twice\)"):
        contract.read_manifest(write_lines(tmp_path, line, line))


def test_manifest_with_a_million_faults_tells_a_screenful(tmp_path: Path) -> None:
    with pytest.raises(contract.ProblemsFoundError) as caught:
        contract.read_manifest(write_lines(tmp_path, *["broken"] * 500))
    assert len(caught.value.problems) == 20


def test_manifest_that_is_missing_is_named(tmp_path: Path) -> None:
    work = making.make_work(tmp_path, [])
    (work / "snapshot" / "manifest.jsonl").unlink()
    (problem,) = problems_of(work)
    assert problem.what == "The manifest is missing"
    assert "manifest.jsonl" in problem.value


def test_manifest_that_is_empty_is_refused(tmp_path: Path) -> None:
    (problem,) = problems_of(making.make_work(tmp_path, []))
    assert problem == contract.Problem(
        "The manifest is empty", "0", "at least 2 labels with photos", "Accept photos in review first."
    )


def test_manifest_of_a_single_label_is_refused(tmp_path: Path) -> None:
    photos = making.make_photos(tmp_path, labels=["circle"], volunteers=3, golden=1)
    told = {problem.what: problem for problem in problems_of(making.make_work(tmp_path, photos))}
    assert told["All photos have one label"].value == "circle"
    assert told["All photos have one label"].allowed == "at least 2 labels"


def test_label_without_golden_photos_is_named(tmp_path: Path) -> None:
    photos = [
        photo
        for photo in making.make_photos(tmp_path, volunteers=3, golden=1)
        if (photo.label, photo.side) != ("square", "golden")
    ]
    (problem,) = problems_of(making.make_work(tmp_path, photos))
    assert problem.what == "Label square has no golden photo to be judged on"
    assert "square" in problem.do


def test_label_without_photos_is_missing_on_both_sides_and_told_so_at_once(tmp_path: Path) -> None:
    photos = making.make_photos(tmp_path, labels=["circle", "square"], volunteers=3, golden=1)
    told = [problem.what for problem in problems_of(making.make_work(tmp_path, photos))]
    assert told == [
        "Label triangle has too few photos to learn from",
        "Label triangle has no golden photo to be judged on",
    ]


def test_label_that_the_spec_does_not_know_is_refused(tmp_path: Path) -> None:
    photos = making.make_photos(tmp_path, volunteers=3, golden=1)
    photos.append(dataclasses.replace(photos[0], photo="other", label="hexagon"))
    (problem,) = problems_of(making.make_work(tmp_path, photos))
    assert (problem.what, problem.value) == ("A photo's label is not in the spec", "hexagon")

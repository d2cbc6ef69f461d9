"""The stage that chooses a network: each candidate is probed once, and later stages take what was chosen."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.ml import making
from training.ml import contract, manifest
from training.ml.choice import Candidate
from training.ml.choice import choose as choose_best

CANDIDATES = ("squeezenet1_1", "mobilenet_v2_0_5", "mobilenet_v3_small")  # nobody publishes weights of the second


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As if ImageNet's weights had been downloaded; random ones tell coloured shapes apart too."""
    folder = tmp_path_factory.mktemp("cache")
    for arch in ("squeezenet1_1", "mobilenet_v3_small"):
        making.make_weights(folder / f"{arch}-imagenet1k.safetensors", arch)
    return folder


@pytest.fixture(scope="module")
def chosen(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which stage choose has finished."""
    folder = tmp_path_factory.mktemp("work")
    photos = making.make_photos(folder, volunteers=4, golden=1)
    work = making.make_work(
        folder, photos, arch=CANDIDATES[0], candidates=list(CANDIDATES), pretrained="imagenet", input={"size": 32}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAYBREAK_WEIGHTS_CACHE", str(cache))
        making.run_stage("choose", work)
    return work


def result_of(work: Path, stage: str = "choose") -> dict[str, Any]:
    found: dict[str, Any] = contract.read_json(work / stage / "result.json")
    return found


def figures(result: dict[str, Any]) -> list[Candidate]:
    return [Candidate(**{name: row[name] for name in Candidate.__slots__}) for row in result["candidates"]]


def test_choice_is_that_of_the_figures_written_with_it(chosen: Path) -> None:
    result = result_of(chosen)
    assert [row["arch"] for row in result["candidates"]] == ["squeezenet1_1", "mobilenet_v3_small"]
    assert result["arch"] == choose_best(figures(result), target_m=None).arch
    assert result["why"].startswith(result["arch"])
    assert result["photos"] == 18
    assert all(0 <= row["accuracy"] <= 1 and row["latency_ms"] > 0 for row in result["candidates"])


def test_candidate_without_start_weights_is_left_out_and_says_so(chosen: Path) -> None:
    assert result_of(chosen)["left_out"] == [{"arch": "mobilenet_v2_0_5", "why": "it has no start weights"}]


def test_features_of_every_candidate_spare_the_next_night_the_work(
    chosen: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBREAK_WEIGHTS_CACHE", str(cache))
    for name in ("snapshot", "photos"):
        shutil.copytree(chosen / name, tmp_path / name)
    shutil.copy(chosen / "spec.json", tmp_path)
    (tmp_path / "features").mkdir()
    for path in (chosen / "choose").glob("features-*"):
        shutil.copy(path, tmp_path / "features")
    result = making.run_stage("choose", tmp_path)
    assert result["reused"] == 2 * result["photos"]
    assert not list((tmp_path / "choose").glob("features-*"))
    assert [(row["arch"], row["accuracy"]) for row in result["candidates"]] == [
        (row["arch"], row["accuracy"]) for row in result_of(chosen)["candidates"]
    ]


def test_later_stages_teach_the_network_that_was_chosen(
    chosen: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBREAK_WEIGHTS_CACHE", str(cache))
    work = tmp_path / "work"
    shutil.copytree(chosen, work)
    contract.write_json(work / "choose" / "result.json", result_of(work) | {"arch": "mobilenet_v3_small"})
    assert making.run_stage("start", work)["backbone"]["arch"] == "mobilenet_v3_small"
    making.run_stage("embed", work)
    assert making.run_stage("fit", work)["model"]["arch"] == "mobilenet_v3_small"


def test_file_of_weights_leaves_out_all_networks_but_its_own(tmp_path: Path) -> None:
    weights = making.make_weights(tmp_path / "mine.safetensors", "squeezenet1_1")
    photos = making.make_photos(tmp_path, volunteers=4, golden=1, each=1)
    names = ["mobilenet_v3_small", "squeezenet1_1"]
    work = making.make_work(
        tmp_path, photos, arch=names[0], candidates=names, pretrained=str(weights), input={"size": 32}
    )
    result = making.run_stage("choose", work)
    assert result["arch"] == "squeezenet1_1"
    (left_out,) = result["left_out"]
    assert "not of mobilenet_v3_small" in left_out["why"]
    assert "Choose squeezenet1_1 as the network" in left_out["why"]


def test_project_with_one_network_keeps_it_and_probes_nothing(tmp_path: Path) -> None:
    result = making.run_stage("choose", making.make_work(tmp_path))
    assert (result["arch"], result["candidates"]) == ("squeezenet1_0", [])


def test_networks_without_any_start_weights_are_not_compared(tmp_path: Path) -> None:
    work = making.make_work(tmp_path, arch="mnasnet0_5", candidates=["mnasnet0_5", "squeezenet1_1"])
    result = making.run_stage("choose", work)
    assert (result["arch"], result["candidates"]) == ("mnasnet0_5", [])
    assert len(result["left_out"]) == 2


def test_sample_holds_as_many_photos_of_each_label_and_the_same_ones_when_more_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manifest, "PROBED", 40)
    photos = [
        contract.ManifestPhoto(f"p{n}", f"{n * 7919 % 10007:064x}", "often" if n % 5 else "rare", "v", "train")
        for n in range(300)
    ]
    few, many = manifest.sample_labels(photos[:200]), manifest.sample_labels(photos)
    assert Counter(photo.label for photo in many) == {"often": 20, "rare": 20}
    assert len(set(few) & set(many)) >= 20

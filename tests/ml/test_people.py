"""Whose photos helped, as evaluate writes it down: by the night's own head, or by a probe beside it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.ml import making
from training.ml import contract


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """A work folder in which a head has learned."""
    work = making.make_work(tmp_path_factory.mktemp("fitted"), pretrained=str(weights))
    for stage in ("start", "embed", "fit"):
        making.run_stage(stage, work)
    return work


@pytest.fixture
def work(fitted: Path, tmp_path: Path) -> Path:
    """The same, to change."""
    return Path(shutil.copytree(fitted, tmp_path / "work"))


def evaluate(work: Path) -> Any:
    making.run_stage("evaluate", work)
    return contract.read_json(work / "evaluate" / "contributions.json")


def test_everybody_who_taught_is_looked_at(work: Path) -> None:
    found = evaluate(work)
    assert found["note"] == ""
    assert [one["volunteer"] for one in found["volunteers"]] == ["v0", "v1", "v2", "v3", "v4"]
    assert all(set(one["labels"]) <= set(making.LABELS) and one["photos"] == 6 for one in found["volunteers"])


def test_volunteers_that_are_wanted_are_looked_at_in_that_order(work: Path) -> None:
    contract.write_json(work / contract.WANTED, ["v3", "v7", "nobody", "v1"])  # v7 only judges
    assert [one["volunteer"] for one in evaluate(work)["volunteers"]] == ["v3", "v1"]


def test_model_that_was_trained_whole_has_the_probe_tell(work: Path) -> None:
    before = evaluate(work)
    path = work / "fit" / "model.safetensors"
    save_file({name: tensor + 0.01 * torch.ones_like(tensor) for name, tensor in load_file(path).items()}, path)
    assert evaluate(work) == before


def test_night_without_pretrained_weights_says_why_it_tells_nothing(work: Path) -> None:
    result = work / "start" / "result.json"
    result.write_text(json.dumps({**contract.read_json(result), "backbone": None}), "utf-8")
    found = evaluate(work)
    assert (found["note"].startswith("There are no pretrained features"), found["volunteers"]) == (True, [])


def test_features_that_were_erased_meanwhile_do_not_end_the_night(work: Path) -> None:
    (work / "embed" / "features.safetensors").unlink()
    found = evaluate(work)
    assert ("Features of photos are missing" in found["note"], found["volunteers"]) == (True, [])

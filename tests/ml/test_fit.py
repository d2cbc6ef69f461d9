"""Learning: which way is taken and why, the head by itself, and what carries over from last night."""

import io
import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.ml import making
from tests.ml.conftest import Night
from training.ml import contract
from training.ml.fit import carry_head_over
from training.ml.head import fit_head, split_by_group
from training.ml.networks import Network
from training.ml.saved import SavedModel


def blobs(count: int = 60, features: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Three heaps of points, in features of very different sizes."""
    dice = torch.Generator().manual_seed(1)
    targets = torch.arange(count) % 3
    points = torch.randn(count, features, generator=dice) + 4 * torch.nn.functional.one_hot(targets, features)
    return points * torch.logspace(-1, 1, features) + 5, targets


def fit_blobs(weights: torch.Tensor | None = None, **changes: list[str]) -> torch.Tensor:
    points, targets = blobs()
    weights = torch.ones(len(targets)) if weights is None else weights
    groups = changes.get("groups", [str(index // 6) for index in range(len(targets))])
    head = fit_head(
        points,
        targets,
        weights,
        groups,
        taps=[4, 8],
        label_count=3,
        progress=contract.Progress("fit", out=io.StringIO()),
    )
    return points @ head.weight.T + head.bias


def problem_of(work: Path) -> contract.Problem:
    with pytest.raises(contract.ProblemsFoundError) as caught:
        making.run_stage("fit", work)
    return caught.value.problems[0]


def test_head_tells_heaps_apart_from_raw_features() -> None:
    _, targets = blobs()
    assert (fit_blobs().argmax(1) == targets).float().mean() > 0.9


def test_head_learned_twice_is_the_same() -> None:
    assert torch.equal(fit_blobs(), fit_blobs())


def test_head_minds_a_photo_of_no_weight_as_if_it_were_not_there() -> None:
    points, targets = blobs()
    wrong = targets.clone()
    wrong[:10] = (wrong[:10] + 1) % 3
    weights = torch.ones(len(targets))
    weights[:10] = 0
    said = contract.Progress("fit", out=io.StringIO())
    groups = [str(index // 6) for index in range(len(targets))]
    head = fit_head(points, wrong, weights, groups, taps=[12], label_count=3, progress=said)
    found = (points @ head.weight.T + head.bias).argmax(1)
    assert (found[10:] == targets[10:]).float().mean() > 0.9
    assert (found[:10] == targets[:10]).float().mean() > 0.7


def test_folds_never_part_a_volunteer() -> None:
    groups = [f"v{index % 7}" for index in range(50)]
    folds = split_by_group(groups, torch.zeros(50, dtype=torch.long))
    where = {(group, int(fold)) for group, fold in zip(groups, folds, strict=True)}
    assert len(where) == 7
    assert folds.unique().tolist() == [0, 1, 2]


def test_folds_of_one_volunteer_are_by_photo_and_every_label_is_in_each() -> None:
    targets = torch.arange(30) % 3
    folds = split_by_group(["v"] * 30, targets)
    assert all(set(targets[folds == fold].tolist()) == {0, 1, 2} for fold in range(3))


def test_folds_of_two_volunteers_are_two() -> None:
    assert split_by_group(["a", "b"] * 5, torch.zeros(10, dtype=torch.long)).unique().tolist() == [0, 1]


def test_head_carried_over_keeps_known_labels_and_starts_new_ones_in_the_middle() -> None:
    size = contract.InputContract.of_size(64)
    old, new = Network("squeezenet1_1", size, 2), Network("squeezenet1_1", size, 3)
    labels = (contract.Label("circle", "C"), contract.Label("square", "S"))
    carry_head_over(SavedModel(old, labels, contract.Strategy("x", "y")), new, ("square", "star", "circle"))
    (weight, bias), (found, level) = old.head_rows(), new.head_rows()
    assert torch.equal(found[0], weight[1])
    assert torch.equal(found[2], weight[0])
    assert torch.allclose(found[1], weight.mean(0))
    assert torch.allclose(level, torch.stack([bias[1], bias.mean(), bias[0]]))


def test_fit_without_pretrained_weights_learns_from_scratch_and_leaves_only_the_model(tmp_path: Path) -> None:
    photos = making.make_photos(tmp_path, volunteers=6, golden=2)
    work = making.make_work(tmp_path, photos, arch="squeezenet1_1", input={"size": 32}, strategy="scratch")
    assert making.run_stage("embed", work)["backbone"] is None
    result = making.run_stage("fit", work)
    assert result["strategy"]["name"] == "from scratch"
    assert "random ones" in result["strategy"]["why"]
    assert {path.name for path in (work / "fit").iterdir()} == {"model.safetensors", "model.json", "result.json"}
    shutil.move(work / "fit", work / "production")
    (work / "spec.json").write_text(json.dumps(contract.read_json(work / "spec.json") | {"strategy": "auto"}), "utf-8")
    assert making.run_stage("fit", work)["strategy"]["name"] == "warm start"


def test_fit_of_a_head_without_features_says_what_to_do(night: Night, tmp_path: Path) -> None:
    work = making.make_work(tmp_path, strategy="head")
    assert making.run_stage("embed", work)["note"] == "There are no pretrained weights to make features with."
    problem = problem_of(work)
    assert problem.what == "A head alone needs pretrained weights"
    assert problem.value == "scratch"


def test_fit_of_a_warm_start_without_a_model_in_production_says_what_to_do(tmp_path: Path) -> None:
    work = making.make_work(tmp_path, strategy="warm_start")
    making.run_stage("embed", work)
    assert problem_of(work).what == "There is no model in production to start from"


@pytest.mark.slow
def test_fit_from_scratch_on_coloured_shapes_is_above_chance_in_a_quarter_of_a_minute(tmp_path: Path) -> None:
    photos = making.make_photos(tmp_path, volunteers=24, golden=6, each=2)
    work = making.make_work(tmp_path, photos, arch="squeezenet1_1", fit_budget_s=12)
    for stage in ("embed", "fit"):
        making.run_stage(stage, work)
    assert making.run_stage("evaluate", work)["golden_accuracy"] > 0.55

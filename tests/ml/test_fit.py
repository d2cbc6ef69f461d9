"""Learning: which way is taken and why, the head by itself, and what carries over from last night."""

import io
import shutil
from pathlib import Path

import pytest
import torch

from tests.ml import making
from training.ml import contract
from training.ml.fit import carry_head_over
from training.ml.head import Examples, fit_head, split_by_group
from training.ml.networks import Network
from training.ml.saved import SavedModel


def blobs(count: int = 60, features: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Three heaps of points, in features of very different sizes."""
    dice = torch.Generator().manual_seed(1)
    targets = torch.arange(count) % 3
    points = torch.randn(count, features, generator=dice) + 4 * torch.nn.functional.one_hot(targets, features)
    return points * torch.logspace(-1, 1, features) + 5, targets


def fit_blobs(wrong: int = 0) -> torch.Tensor:
    """The answers of a head that learned the heaps; the first ``wrong`` have a wrong label and no weight."""
    points, targets = blobs()
    weights, taught = torch.ones(len(targets)), targets.clone()
    weights[:wrong] = 0
    taught[:wrong] = (taught[:wrong] + 1) % 3
    groups = [str(index // 6) for index in range(len(targets))]
    said = contract.Progress("fit", out=io.StringIO())
    head = fit_head(Examples(points, taught, weights), groups, taps=[4, 8], label_count=3, progress=said)
    return (points @ head.weight.T + head.bias).argmax(1)


def problem_of(work: Path) -> contract.Problem:
    with pytest.raises(contract.ProblemsFoundError) as caught:
        making.run_stage("fit", work)
    return caught.value.problems[0]


def test_head_tells_heaps_apart_from_raw_features() -> None:
    assert (fit_blobs() == blobs()[1]).float().mean() > 0.9


def test_head_learned_twice_is_the_same() -> None:
    assert torch.equal(fit_blobs(), fit_blobs())


def test_head_minds_photos_of_no_weight_as_if_they_were_not_there() -> None:
    assert (fit_blobs(wrong=12) == blobs()[1]).float().mean() > 0.85


def test_head_over_features_that_are_no_numbers_is_refused_in_words() -> None:
    points, targets = blobs()
    points[3, 2] = float("nan")
    examples, said = Examples(points, targets, torch.ones(len(targets))), contract.Progress("fit", out=io.StringIO())
    with pytest.raises(contract.ProblemsFoundError, match=r"features are not all numbers \(1\)"):
        fit_head(examples, ["v"] * len(targets), taps=[4, 8], label_count=3, progress=said)


def test_folds_never_part_a_volunteer() -> None:
    groups = [f"v{index % 7}" for index in range(50)]
    folds = split_by_group(groups, torch.zeros(50, dtype=torch.long))
    where = {(group, int(fold)) for group, fold in zip(groups, folds, strict=True)}
    assert len(where) == 7
    assert set(folds.tolist()) == {0, 1, 2}


def test_folds_of_one_volunteer_are_by_photo_and_every_label_is_in_each() -> None:
    targets = torch.arange(30) % 3
    folds = split_by_group(["v"] * 30, targets)
    assert all(set(targets[folds == fold].tolist()) == {0, 1, 2} for fold in range(3))


def test_folds_of_two_volunteers_are_two() -> None:
    assert set(split_by_group(["a", "b"] * 5, torch.zeros(10, dtype=torch.long)).tolist()) == {0, 1}


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


def test_fit_without_pretrained_weights_learns_from_scratch_and_next_night_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.ml import train
    from training.ml.pace import Pace

    monkeypatch.setattr(train, "Pace", lambda budget_s, least, most: Pace(budget_s, least=2, most=2))
    photos = making.make_photos(tmp_path, volunteers=6, golden=2)
    work = making.make_work(tmp_path, photos, arch="squeezenet1_1", input={"size": 32})
    assert making.run_stage("start", work)["backbone"] is None
    making.run_stage("embed", work)
    strategy = making.run_stage("fit", work)["strategy"]
    assert strategy["name"] == "from scratch"
    assert "random ones" in strategy["why"]
    assert {path.name for path in (work / "fit").iterdir()} == {*contract.STAGE_FILES["fit"], "result.json"}
    assert not (work / "fit" / "suspicions.jsonl").read_text()  # nobody was left out, so nothing can be said
    shutil.move(work / "fit", work / "production")
    assert making.run_stage("fit", work)["strategy"]["name"] == "warm start"


def test_fit_of_a_head_without_features_says_what_to_do(tmp_path: Path) -> None:
    work = making.make_work(tmp_path, strategy="head")
    assert making.run_stage("start", work)["note"] == "There are no pretrained weights to make features with."
    problem = problem_of(work)
    assert problem.what == "A head alone needs pretrained weights"
    assert problem.value == "scratch"


def test_fit_of_a_warm_start_without_a_model_in_production_says_what_to_do(tmp_path: Path) -> None:
    work = making.make_work(tmp_path, strategy="warm_start")
    making.run_stage("start", work)
    assert problem_of(work).what == "There is no model in production to start from"


@pytest.mark.slow
def test_fit_from_scratch_on_coloured_shapes_is_above_chance_after_150_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.ml import train
    from training.ml.pace import Pace

    monkeypatch.setattr(train, "Pace", lambda budget_s, least, most: Pace(budget_s, least=150, most=150))
    photos = making.make_photos(tmp_path, volunteers=24, golden=6, each=2)
    work = making.make_work(tmp_path, photos, arch="squeezenet1_1", fit_budget_s=3600)
    for stage in ("start", "embed", "fit"):
        making.run_stage(stage, work)
    assert making.run_stage("evaluate", work)["golden_accuracy"] > 0.55

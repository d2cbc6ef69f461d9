"""What golden photos say to a backbone is kept, and shared by the models that stand on it."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.ml.conftest import Night
from tests.ml.test_night import copy_of
from training.ml import contract, looks
from training.ml.predicting import Panel
from training.ml.saved import SavedModel, read_model
from training.ml.workspace import Work

LOOKS = (looks.AS_APPS_DO, looks.CARELESSLY, looks.shaken(0))


class Said(contract.Progress):
    """How many photos or views were computed."""

    def __init__(self) -> None:
        super().__init__("evaluate", out=io.StringIO())
        self.computed = 0

    def report(self, step: int, total: int, message: str = "", *, eta_s: float | None = None) -> None:
        """Notes the last step of each pass."""
        self.computed += total if step == total else 0
        super().report(step, total, message, eta_s=eta_s)


@pytest.fixture
def work(night: Night, tmp_path: Path) -> Work:
    (tmp_path / "work").mkdir()
    return Work(copy_of(night, tmp_path / "work", "start", "fit"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def panel_of(models: list[SavedModel], work: Work, out: Path, said: contract.Progress) -> Panel:
    return Panel(models, contract.read_spec(work.folder / "spec.json"), work, out, said)


def another_head(model: SavedModel) -> SavedModel:
    other = read_model_again(model)
    weight, bias = other.network.head_rows()
    other.network.set_head(weight.flip(0), bias.flip(0))
    return other


def read_model_again(model: SavedModel) -> SavedModel:
    network = type(model.network)(model.network.arch, model.contract, len(model.labels)).eval()
    network.load_state_dict(model.network.state_dict())
    return replace(model, network=network)


def test_answers_of_two_heads_on_one_backbone_take_one_pass(work: Work, out: Path) -> None:
    model, said = read_model(work.stage("fit")), Said()
    ours, theirs = panel_of([model, another_head(model)], work, out, said).answer(looks.AS_APPS_DO, work.golden())
    assert said.computed == len(work.golden())
    assert torch.allclose(ours, theirs.flip(1))


def test_answers_of_two_backbones_take_a_pass_each(work: Work, out: Path) -> None:
    model, said = read_model(work.stage("fit")), Said()
    other = read_model_again(model)
    with torch.no_grad():
        next(other.network.backbone.parameters()).mul_(2)
    panel_of([model, other], work, out, said).answer(looks.AS_APPS_DO, work.golden())
    assert said.computed == 2 * len(work.golden())


def test_answers_from_kept_features_are_the_same_and_compute_nothing(work: Work, out: Path) -> None:
    model, said = read_model(work.stage("fit")), Said()
    first = [panel_of([model], work, out, Said()).answer(look, work.golden())[0] for look in LOOKS]
    out.rename(work.folder / "features")
    out.mkdir()
    later = panel_of([model], work, out, said)
    second = [later.answer(look, work.golden())[0] for look in LOOKS]
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))
    assert said.computed == 0


def test_answers_of_new_photos_only_are_computed(work: Work, out: Path) -> None:
    model, said, photos = read_model(work.stage("fit")), Said(), work.golden()
    panel_of([model], work, out, Said()).answer(looks.AS_APPS_DO, photos[5:])
    out.rename(work.folder / "features")
    out.mkdir()
    panel_of([model], work, out, said).answer(looks.AS_APPS_DO, photos)
    assert said.computed == 5
    assert len(contract.open_pack(out / "golden.safetensors").digests) == 5


def test_look_taken_again_of_other_photos_in_one_stage_is_refused(work: Work, out: Path) -> None:
    panel, photos = panel_of([read_model(work.stage("fit"))], work, out, Said()), work.golden()
    panel.answer(looks.AS_APPS_DO, photos[5:])
    with pytest.raises(ValueError, match=r"golden\.safetensors is there"):
        panel.answer(looks.AS_APPS_DO, photos)


def test_answers_of_a_backbone_that_was_trained_leave_no_features(work: Work, out: Path) -> None:
    model = read_model(work.stage("fit"))
    with torch.no_grad():
        next(model.network.backbone.parameters()).mul_(2)
    panel_of([model], work, out, Said()).answer(looks.AS_APPS_DO, work.golden())
    assert list(out.iterdir()) == []


def test_answers_are_those_of_the_network_itself(work: Work, out: Path) -> None:
    model = read_model(work.stage("fit"))
    (found,) = panel_of([model], work, out, Said()).answer(looks.AS_APPS_DO, work.golden())
    pixels = torch.cat(list(looks.AS_APPS_DO.read(work.photos, work.golden(), model.contract)))
    with torch.inference_mode():
        assert torch.allclose(found, model.network(pixels.float()).softmax(1), atol=2e-3)


def test_keys_of_the_start_stage_are_those_of_the_packs_evaluate_leaves(night: Night) -> None:
    packs = [contract.open_pack(path) for path in (night.work / "evaluate").glob("*.safetensors")]
    keys = dict(zip(("golden", "careless", "shaken", "unlabelled"), night.result("start")["judged"], strict=True))
    assert {pack.path.stem: pack.head.key for pack in packs} == {name: keys[name] for name in ("golden", "shaken")}

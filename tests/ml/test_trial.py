"""More than the head learning: the parts of a cut network, the trial against the head, its time and its seed."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.ml import making
from training.ml import contract, trial, ways
from training.ml.head import temperature
from training.ml.networks import Network
from training.ml.pace import Pace
from training.ml.saved import read_model
from training.ml.strategy import ALL_BLOCKS, HEAD, LAST_BLOCKS
from training.ml.tail import LAST, Tail, after_tap, below
from training.ml.trial import Score, is_better

STEPS = 4


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """A work folder whose photos have been embedded."""
    folder = tmp_path_factory.mktemp("embedded")
    photos = making.make_photos(folder, volunteers=7, golden=2, each=2)
    work = making.make_work(folder, photos, pretrained=str(weights))
    for stage in ("start", "embed"):
        making.run_stage(stage, work)
    return work


def asking(work: Path, strategy: str, fit_budget_s: int = 600) -> Path:
    """The same work folder with another spec."""
    path = work / "spec.json"
    changes = {"strategy": strategy, "fit_budget_s": fit_budget_s}
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")
    return work


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "Pace", lambda budget_s, least, most: Pace(budget_s, least=STEPS, most=STEPS))
    monkeypatch.setattr(ways, "fastest", lambda *_: ways.Way(torch.float32, 1))


@pytest.mark.parametrize("arch", contract.ARCHES)
@pytest.mark.parametrize("whole", [False, True], ids=["last blocks", "all blocks"])
def test_what_lies_below_and_above_the_cut_is_the_network(arch: str, *, whole: bool) -> None:
    torch.manual_seed(0)
    network = Network(arch, contract.InputContract.of_size(64), 3).eval()
    cut = 0 if whole else after_tap(network, LAST)
    image = torch.rand(2, 3, 64, 64) * 255
    with torch.inference_mode():
        x, lower = below(network, cut, image)
        assert torch.allclose(Tail(network, cut)(x, lower), network(image), atol=1e-4)
        assert torch.allclose(Tail(network, cut).features(x, lower), network.features(image), atol=1e-4)


@pytest.mark.parametrize("arch", contract.ARCHES)
def test_last_blocks_are_a_part_of_the_network_that_can_learn(arch: str) -> None:
    network = Network(arch, contract.InputContract.of_size(64), 3)
    cut = after_tap(network, LAST)
    assert 0 < cut < network.taps[-1]
    assert list(network.backbone[cut].parameters())


HEAD_SCORE = Score(0.96, 0.20, 1.0)


@pytest.mark.parametrize(
    ("blocks", "wanted"),
    [
        (Score(0.98, 0.10, 1.0), True),
        (Score(0.96, 0.15, 1.0), True),
        (Score(0.96, 0.20, 1.0), False),
        (Score(0.97, 0.25, 1.0), False),
        (Score(0.95, 0.10, 1.0), False),
    ],
)
def test_blocks_replace_the_head_with_no_more_mistakes_and_less_loss(blocks: Score, *, wanted: bool) -> None:
    assert is_better(blocks, HEAD_SCORE) is wanted


def test_temperature_undoes_what_made_answers_too_sure() -> None:
    dice = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 5, generator=dice) * 2
    targets = torch.multinomial(logits.softmax(1), 1, generator=dice).squeeze(1)
    assert temperature(logits * 3, targets) == pytest.approx(3, rel=0.1)
    assert temperature(logits, targets) == pytest.approx(1, rel=0.1)


@pytest.mark.usefixtures("few_steps")
def test_a_lost_trial_keeps_the_head_and_says_both_figures(
    tmp_path: Path, embedded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = asking(embedded, "head_then_last_blocks")
    monkeypatch.setattr("training.ml.tune.RATE", 1.0)  # far too much: the blocks forget everything
    result = making.run_stage("fit", work, tmp_path / "tried")
    figures = result["curves"]["trial"]
    assert result["strategy"]["name"] == HEAD
    assert f"{figures['blocks']['accuracy']:.1%}" in result["strategy"]["why"]
    assert f"{figures['head']['accuracy']:.1%}" in result["strategy"]["why"]
    making.run_stage("fit", asking(work, "head"), tmp_path / "plain")
    one, other = (read_model(tmp_path / folder).network.state_dict() for folder in ("tried", "plain"))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize(("asked", "name"), [("head_then_last_blocks", LAST_BLOCKS), ("head_then_all", ALL_BLOCKS)])
def test_a_won_trial_changes_the_blocks_above_the_cut_alone(
    asked: str, name: str, tmp_path: Path, embedded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = asking(embedded, asked)
    monkeypatch.setattr(trial, "is_better", lambda *_: True)
    assert making.run_stage("fit", work, tmp_path / "fit")["strategy"]["name"] == name
    assert {path.name for path in (tmp_path / "fit").iterdir()} == {*contract.STAGE_FILES["fit"], "result.json"}
    before = load_file(work / "start" / "backbone.safetensors")
    network = read_model(tmp_path / "fit").network
    cut = after_tap(network, LAST) if name == LAST_BLOCKS else 0
    weighty = {place: value for place, value in network.backbone.state_dict().items() if place.endswith("weight")}
    changed = {place for place, value in weighty.items() if not torch.equal(value, before[place])}
    assert changed == {place for place in weighty if int(place.split(".")[0]) >= cut}


@pytest.mark.usefixtures("few_steps")
def test_the_same_seed_gives_the_same_trial(tmp_path: Path, embedded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = asking(embedded, "head_then_last_blocks")
    monkeypatch.setattr(trial, "is_better", lambda *_: True)
    for folder in ("one", "other"):
        making.run_stage("fit", work, tmp_path / folder)
    one, other = (read_model(tmp_path / folder).network.state_dict() for folder in ("one", "other"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_trial_ends_within_its_budget(tmp_path: Path, embedded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MOST_EPOCHS", 100_000)
    monkeypatch.setattr(trial, "is_better", lambda *_: True)
    paces: list[Pace] = []

    def noted(*arguments: Any, **more: Any) -> Pace:
        paces.append(Pace(*arguments, **more))
        return paces[-1]

    monkeypatch.setattr(trial, "Pace", noted)
    making.run_stage("fit", asking(embedded, "head_then_last_blocks", fit_budget_s=4), tmp_path / "fit")
    assert len(paces) == 2
    assert paces[0].steps > trial.LEAST_EPOCHS
    assert sum(pace.budget_s for pace in paces) <= 4.5

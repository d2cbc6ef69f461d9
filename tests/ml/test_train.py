"""Training a whole network: a tiny set of shapes, a few steps, and what must hold whatever it learns."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.ml import lesson, train, ways
from training.ml.augment import augment
from training.ml.checkpoints import Checkpoints
from training.ml.contract import CaptureProfile, InputContract, Label, ProblemsFoundError, Progress, RunSpec
from training.ml.networks import Network
from training.ml.optimiser import Muon, orthogonal
from training.ml.pace import Pace
from training.ml.scratch import scaffolded

SIZE = 48
LABELS = (Label("bar", "Bar"), Label("cross", "Cross"), Label("square", "Square"))


def make_shapes(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """White shapes at random places on noise: uint8 (count, 3, SIZE, SIZE), labels (count)."""
    dice = torch.Generator().manual_seed(seed)
    photos = torch.randint(0, 120, (count, 3, SIZE, SIZE), generator=dice, dtype=torch.uint8)
    targets = torch.arange(count) % len(LABELS)
    for photo, target in zip(photos, targets.tolist(), strict=True):
        y, x = (int(v) for v in torch.randint(4, SIZE - 24, (2,), generator=dice))
        if target in {0, 1}:
            photo[:, y + 8 : y + 12, x : x + 20] = 250
        if target == 1:
            photo[:, y : y + 20, x + 8 : x + 12] = 250
        if target == 2:
            photo[:, y : y + 20, x : x + 20] = 250
    return photos, targets


def make_spec(arch: str = "squeezenet1_1", **changes: Any) -> RunSpec:
    spec = RunSpec("shapes", LABELS, arch, InputContract.of_size(SIZE), pretrained="scratch", fit_budget_s=4, threads=1)
    return replace(spec, **changes)


def make_network(spec: RunSpec) -> Network:
    torch.manual_seed(spec.seed)
    return Network(spec.arch, spec.input, len(spec.labels))


@pytest.fixture(scope="module")
def data() -> train.TrainData:
    return train.TrainData(*make_shapes(96, 1), *make_shapes(30, 2))


def fit(
    network: Network, data: train.TrainData, spec: RunSpec, steps: int, monkeypatch: pytest.MonkeyPatch, **more: Any
) -> train.TrainReport:
    """Exactly ``steps`` steps, however fast this machine is."""
    monkeypatch.setattr(train, "Pace", lambda budget_s, least, most: Pace(budget_s, least=steps, most=steps))
    return train.train_network(network, data=data, spec=spec, progress=Progress("fit", out=io.StringIO()), **more)


@pytest.mark.slow
def test_a_squeezenet_learns_from_random_weights(data: train.TrainData, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = make_spec()
    network = make_network(spec)
    report = fit(network, data, spec, 90, monkeypatch)
    assert report.curves["steps"] == 90
    assert report.curves["watched_accuracy"] >= 0.8
    assert "random ones" in report.why


@pytest.mark.parametrize("arch", ["squeezenet1_1", "mobilenet_v3_small"])
def test_the_network_keeps_its_shape_and_ends_ready_to_use(
    arch: str, data: train.TrainData, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec(arch)
    network = make_network(spec)
    before = {name: value.shape for name, value in network.state_dict().items()}
    fit(network, data, spec, 3, monkeypatch)
    assert {name: value.shape for name, value in network.state_dict().items()} == before
    assert not network.training
    assert not any(isinstance(module, nn.Dropout) for module in network.pools)
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_same_seed_same_weights(data: train.TrainData, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = make_spec()
    networks = [make_network(spec) for _ in range(2)]
    monkeypatch.setattr(ways, "fastest", lambda *_: ways.Way(torch.float32, 1))
    for network in networks:
        fit(network, data, spec, 4, monkeypatch)
    one, other = (network.state_dict() for network in networks)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_loss_that_is_no_number_ends_the_training_in_words(
    data: train.TrainData, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network(make_spec())
    with torch.no_grad():
        next(network.head.parameters()).fill_(float("inf"))
    with pytest.raises(ProblemsFoundError, match=r"The training came apart at step 0 \(a loss of (nan|inf)\)"):
        fit(network, data, make_spec(), 3, monkeypatch)


class KilledError(Exception):
    """As far as it got."""


def test_a_training_that_was_killed_ends_as_if_nothing_had_happened(
    data: train.TrainData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = make_spec()
    monkeypatch.setattr(ways, "fastest", lambda *_: ways.Way(torch.float32, 1))
    networks = [make_network(spec) for _ in range(3)]
    saved = Checkpoints(tmp_path, "the same inputs", every_s=0)
    fit(networks[0], data, spec, 8, monkeypatch)
    write = Checkpoints.write

    def kill(self: Checkpoints, tensors: Any, rest: Any) -> None:
        write(self, tensors, rest)
        if rest["pace"]["steps"] == 5:
            raise KilledError

    monkeypatch.setattr(Checkpoints, "write", kill)
    with pytest.raises(KilledError):
        fit(networks[1], data, spec, 8, monkeypatch, checkpoints=saved)
    report = fit(networks[2], data, spec, 8, monkeypatch, checkpoints=replace(saved, every_s=60))
    assert report.curves["steps"] == 8
    one, other = networks[0].state_dict(), networks[2].state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert len(list(tmp_path.iterdir())) == 1  # the newest only, and no part


@pytest.mark.parametrize("harm", ["other inputs", "cut off", "changed"])
def test_a_checkpoint_that_does_not_fit_is_left_alone(tmp_path: Path, harm: str) -> None:
    saved = Checkpoints(tmp_path / "checkpoint", "inputs", every_s=60)
    saved.write({"network.weight": torch.ones(3)}, {"pace": 1})
    found = saved.read()
    assert found
    assert torch.equal(found.under("network.")["weight"], torch.ones(3))
    (path,) = (tmp_path / "checkpoint").iterdir()
    if harm == "cut off":
        path.write_bytes(path.read_bytes()[:-4])
    if harm == "changed":
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert replace(saved, key="others" if harm == "other inputs" else "inputs").read() is None


def test_photos_of_a_tenth_of_the_weight_are_learned_from_a_tenth_as_often(data: train.TrainData) -> None:
    chances = torch.ones(len(data.photos))
    chances[:48] = 0.1
    draws = iter(lesson._Draws(chances, seed=1))
    drawn = torch.cat([next(draws) for _ in range(165)])  # a hundred times round
    assert 0.07 < float((drawn < 48).sum() / (drawn >= 48).sum()) < 0.13


def test_the_way_of_calculating_is_measured_and_leaves_no_trace(data: train.TrainData) -> None:
    network = make_network(make_spec())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    way = ways.fastest(network, (data.photos[:8].float(),), torch.ones(len(make_spec().labels)), 1)
    assert way in {ways.Way(torch.float32, 1), ways.Way(torch.bfloat16, 1)}
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_warm_start_begins_where_the_old_model_stopped(data: train.TrainData) -> None:
    spec = make_spec()
    network = make_network(spec)
    photos = data.photos[:32].float()
    before = network.eval()(photos)
    with scaffolded(network, photos):
        network.eval()
        inside = network(photos)
    after = network(photos)
    assert torch.allclose(before, inside, atol=1e-3)
    assert torch.allclose(before, after, atol=1e-3)


def test_it_ends_in_time_and_says_how_far_it_is(data: train.TrainData) -> None:
    out = io.StringIO()
    spec = make_spec(fit_budget_s=3)
    report = train.train_network(make_network(spec), data=data, spec=spec, progress=Progress("fit", out=out))
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert lines[-1]["step"] == lines[-1]["total"] == report.curves["steps"]
    assert all(line["event"] == "progress" for line in lines)


def test_an_unusable_capture_profile_names_every_fault(data: train.TrainData) -> None:
    spec = make_spec(capture_profile={"roll": 400, "spin": 1, "blur": "often"})
    with pytest.raises(ProblemsFoundError) as caught:
        train.train_network(make_network(spec), data=data, spec=spec, progress=Progress("fit", out=io.StringIO()))
    said = str(caught.value)
    assert "spin" in said
    assert "400" in said
    assert "often" in said


def test_augmenting_stays_in_range_and_follows_its_dice() -> None:
    photos, _ = make_shapes(8, 3)
    profile = CaptureProfile(upside_down=0.5, quarter_turned=0.5, mirrored=0.5, light=2, colour=2, covered=1, blur=1)
    one, two, other = (augment(photos, profile, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert one.shape == photos.shape
    assert one.min() >= 0
    assert one.max() <= 255
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_a_profile_without_differences_changes_nothing() -> None:
    photos, _ = make_shapes(4, 4)
    still = CaptureProfile().scaled(0.0)
    assert torch.allclose(augment(photos, still, torch.Generator().manual_seed(1)), photos.float(), atol=0.05)


def test_muon_leaves_the_first_convolution_norms_and_head_to_adam() -> None:
    network = make_network(make_spec("mobilenet_v3_small"))
    inner = Muon(network, network.backbone, 1e-3).param_groups[0]["params"]
    first = next(network.backbone.parameters())
    assert all(weight is not first for weight in inner)
    assert all(weight.ndim == 4 and weight.shape[1] > 1 for weight in inner)
    assert not {id(weight) for weight in inner} & {id(weight) for weight in network.head.parameters()}


@pytest.mark.parametrize("shape", [(8, 20), (20, 8)])
def test_orthogonal_evens_out_singular_values(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape) * 100))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_the_pace_follows_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("training.ml.pace.time.monotonic", lambda: clock[0])
    pace = Pace(100.0, least=10, most=10_000, _started=0.0)
    while not pace.is_over:
        clock[0] += 0.5 if clock[0] < 50 else 1.0  # somebody else wants the machine from half-time on
        pace.tick()
    assert 90 <= clock[0] <= 125
    assert pace.replanned >= 1
    assert pace.done == pytest.approx(1.0)


def test_a_slow_machine_still_sees_every_photo_some_times(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("training.ml.pace.time.monotonic", lambda: clock[0])
    pace = Pace(10.0, least=40, most=10_000, _started=0.0)
    while not pace.is_over:
        clock[0] += 5.0
        pace.tick()
    assert pace.steps == 40

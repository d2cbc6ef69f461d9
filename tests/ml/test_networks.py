"""The networks: every one builds, takes 0-255, and becomes every file; the head is one linear layer."""

import json
import os
from pathlib import Path

import pytest
import torch

from tests.ml import making
from training.ml import contract
from training.ml.networks import Network, ready_to_export
from training.ml.saved import read_model, write_model
from training.ml.strategy import HEAD
from training.ml.workspace import sha256_of

CONTRACT = contract.InputContract.of_size(64)


def make_network(arch: str, labels: int = 3, size: int = 64) -> Network:
    torch.manual_seed(3)
    return Network(arch, contract.InputContract.of_size(size), labels).eval()


def some_photos(count: int = 2, size: int = 64) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, size, size), generator=torch.Generator().manual_seed(1)).float()


def test_door_opened_by_several_threads_lets_models_load_where_compiled_operators_do_not() -> None:
    plain = making.run_python("import torchvision")
    through = making.run_python(
        "import threading; from training.ml import torchvision_door as door\n"
        "found = []; threads = [threading.Thread(target=lambda: found.append(door.models())) for _ in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]; print(len(found), found[0].squeezenet1_1.__name__)"
    )
    assert through.lines == ["4 squeezenet1_1"], through.stderr
    if plain.status:  # the trap this door is for
        assert "torchvision::nms" in plain.stderr


@pytest.mark.parametrize("arch", contract.ARCHES)
def test_network_of_every_kind_builds_and_answers_every_label(arch: str) -> None:
    with torch.inference_mode():
        assert make_network(arch)(some_photos()).shape == (2, 3)


@pytest.mark.parametrize("size", [32, 64, 97, 128])
def test_network_at_any_size_has_as_many_features_as_its_head_expects(size: int) -> None:
    network = make_network("squeezenet1_1", size=size)
    with torch.inference_mode():
        assert network.features(some_photos(size=size)).shape == (2, network.feature_count)


def test_network_normalises_0_to_255_as_its_first_operation() -> None:
    network = make_network("squeezenet1_1")
    photos = some_photos()
    normalised = (photos / 255 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    seen: list[torch.Tensor] = []
    network.backbone[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.inference_mode():
        network(photos)
    assert torch.allclose(seen[0], normalised, atol=1e-4)


def test_head_is_one_linear_layer_over_the_features() -> None:
    network = make_network("squeezenet1_0")
    weight, bias = torch.randn(3, network.feature_count) * 0.01, torch.randn(3)
    network.set_head(weight, bias)
    with torch.inference_mode():
        assert torch.allclose(network(some_photos()), network.features(some_photos()) @ weight.T + bias, atol=1e-4)
    assert all(torch.equal(one, other) for one, other in zip(network.head_rows(), (weight, bias), strict=True))


@pytest.mark.parametrize("arch", ["squeezenet1_0", "mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5"])
def test_network_ready_to_export_answers_the_same_without_batch_norms(arch: str) -> None:
    network = make_network(arch)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
            assert module.running_mean is not None
            module.running_mean.normal_(0, 0.1)
    exported = ready_to_export(network)
    with torch.inference_mode():
        assert torch.allclose(exported(some_photos()), network(some_photos()).softmax(1), atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in exported.modules())


def write_fit(work: Path, network: Network) -> None:
    """A finished fit stage around a network that has learned nothing."""
    spec = contract.read_spec(work / "spec.json")
    (work / "fit").mkdir()
    about = write_model(work / "fit", network, spec=spec, strategy=contract.Strategy(HEAD, "to test"), snapshot="0")
    (work / "fit" / "left_out.jsonl").touch()  # nobody was left out
    contract.write_json(work / "fit" / "result.json", {"stage": "fit", "model": about})


def test_model_written_and_read_back_answers_the_same(tmp_path: Path) -> None:
    work = making.make_work(tmp_path, [], arch="mobilenet_v3_small")
    network = make_network("mobilenet_v3_small")
    write_fit(work, network)
    found = read_model(work / "fit")
    with torch.inference_mode():
        assert torch.equal(found.network(some_photos()), network(some_photos()))
    assert (found.slugs, found.contract) == (making.LABELS, CONTRACT)


def test_model_json_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps({"arch": "squeezenet1_0"}), "utf-8")
    with pytest.raises(contract.ProblemsFoundError, match="not a model's description"):
        read_model(tmp_path)


def test_model_whose_weights_are_of_another_network_is_refused(tmp_path: Path) -> None:
    work = making.make_work(tmp_path, [], arch="squeezenet1_0")
    write_fit(work, make_network("squeezenet1_0"))
    about = contract.read_json(work / "fit" / "model.json")
    contract.write_json(work / "fit" / "model.json", about | {"arch": "mobilenet_v2"})
    with pytest.raises(contract.ProblemsFoundError, match="weights cannot be used"):
        read_model(work / "fit")


# One width of a family: ``test_architectures`` shows that the others are the same graph. The night has SqueezeNet 1.0.
WRITTEN = ("squeezenet1_1", "mobilenet_v2_0_35", "mobilenet_v3_small", "mobilenet_v3_large", "mnasnet0_5")


@pytest.mark.slow
@pytest.mark.parametrize("arch", contract.ARCHES if "EVERY_WIDTH" in os.environ else WRITTEN)
def test_network_of_every_kind_becomes_every_file_and_answers_alike(arch: str, tmp_path: Path) -> None:
    work = making.make_work(tmp_path, making.make_photos(tmp_path, volunteers=4, golden=2, each=1), arch=arch)
    making.run_stage("start", work)
    write_fit(work, make_network(arch))
    for stage in ("evaluate", "compress", "litert"):
        making.run_stage(stage, work)
    found = {
        f"{artifact['runtime']}-{artifact['precision']}": artifact
        for artifact in making.run_stage("verify", work)["artifacts"]
    }
    assert set(found) == {"coreml-fp16", "coreml-int8", "onnx-fp32", "litert-fp32", "litert-int8"}
    assert found["onnx-fp32"]["flips_vs_fp32"] == 0
    assert found["litert-fp32"]["flips_vs_fp32"] == 0
    assert found["coreml-fp16"]["flips_vs_fp32"] == 0
    for name, artifact in found.items():
        assert sha256_of(work / artifact["file"]) == artifact["sha256"], name

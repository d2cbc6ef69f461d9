"""Start weights from outside: read only if whole and of the right network; having no connection is no fault."""

import io
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.ml import making
from training.ml import contract, weights


def problem_of(path: Path, arch: str = "squeezenet1_0") -> contract.Problem:
    with pytest.raises(contract.ProblemsFoundError) as caught:
        weights.read_backbone(path, arch)
    (problem,) = caught.value.problems
    return problem


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/weights.pth"


def said() -> contract.Progress:
    return contract.Progress("embed", out=io.StringIO())


def spec_with(pretrained: str) -> contract.RunSpec:
    return contract.RunSpec.from_json(making.make_spec(pretrained=pretrained))


def test_weights_of_the_right_network_are_read_without_its_1000_class_end(tmp_path: Path) -> None:
    path = making.make_weights(tmp_path / "whole.safetensors")
    found, whole = weights.read_backbone(path, "squeezenet1_0"), load_file(path)
    assert found.keys() == {name.removeprefix("features.") for name in whole if name.startswith("features.")}
    assert torch.equal(found["0.weight"], whole["features.0.weight"])


def test_weights_of_mnasnet_are_read_by_its_own_names(tmp_path: Path) -> None:
    path = making.make_weights(tmp_path / "whole.safetensors", "mnasnet0_5")
    assert torch.equal(weights.read_backbone(path, "mnasnet0_5")["0.weight"], load_file(path)["layers.0.weight"])


def test_weights_of_another_width_are_refused_and_recognised(tmp_path: Path) -> None:
    problem = problem_of(making.make_weights(tmp_path / "wide.safetensors", "mnasnet1_0"), "mobilenet_v2_0_5")
    assert problem.what == "The weights file is not of mobilenet_v2_0_5"
    assert problem.do == "Choose mnasnet1_0 as the network, or give other weights."


def test_start_of_a_width_without_imagenet_weights_says_what_can_be_done() -> None:
    out = io.StringIO()
    spec = contract.RunSpec.from_json(making.make_spec(arch="mobilenet_v2_0_5", pretrained="imagenet"))
    assert weights.load_pretrained(spec, contract.Progress("embed", out=out)) is None
    assert "torchvision has no ImageNet weights for mobilenet_v2_0_5" in out.getvalue()
    assert "mobilenet_v2, mobilenet_v3_small" in out.getvalue()


def test_weights_that_are_cut_off_are_refused(tmp_path: Path) -> None:
    path = making.make_weights(tmp_path / "cut.safetensors")
    path.write_bytes(path.read_bytes()[:-1000])
    problem = problem_of(path)
    assert problem.what == "The weights file is corrupted or not safetensors"
    assert str(path) in problem.value
    assert problem.do == "Copy or download it again."


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 a pickle in a zip", b"\xff" * 64], ids=["empty", "pickle", "noise"])
def test_weights_that_are_no_safetensors_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.safetensors").write_bytes(data)
    assert problem_of(tmp_path / "bad.safetensors").what == "The weights file is corrupted or not safetensors"


def test_weights_of_another_network_are_refused_and_recognised(tmp_path: Path) -> None:
    path = making.make_weights(tmp_path / "other.safetensors", "mobilenet_v2")
    problem = problem_of(path)
    assert problem.what == "The weights file is not of squeezenet1_0"
    assert problem.value.endswith("which looks like mobilenet_v2")
    assert problem.allowed == "torchvision's names and shapes of squeezenet1_0"
    assert problem.do == "Choose mobilenet_v2 as the network, or give other weights."


def test_weights_of_a_network_nobody_knows_are_refused(tmp_path: Path) -> None:
    save_file({"features.0.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    assert "no network known here" in problem_of(tmp_path / "other.safetensors").value


def test_weights_that_are_not_finite_are_refused_by_name(tmp_path: Path) -> None:
    path = making.make_weights(tmp_path / "nan.safetensors")
    state = load_file(path)
    state["features.0.bias"][3] = float("nan")
    save_file(state, path)
    problem = problem_of(path)
    assert problem.what == "The weights file holds numbers that are not finite"
    assert "0.bias" in problem.value


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    problem = problem_of(tmp_path / "nowhere.safetensors")
    assert problem.what == "The weights file is missing"
    assert problem.do == "Correct the path."


def test_start_from_scratch_as_asked_needs_no_notice() -> None:
    out = io.StringIO()
    assert weights.load_pretrained(spec_with("scratch"), contract.Progress("embed", out=out)) is None
    assert not out.getvalue()


def test_weights_of_a_file_are_known_by_its_name_and_digest(tmp_path: Path) -> None:
    path = making.make_weights(tmp_path / "mine.safetensors")
    found = weights.load_pretrained(spec_with(str(path)), said())
    assert found is not None
    assert (found.source, len(found.sha256)) == ("mine.safetensors", 64)


def test_download_from_a_silent_server_is_given_up_in_time(silent: str) -> None:
    with pytest.raises(weights.DownloadFailedError, match=r"no answer for 0 s|timed out"):
        weights.download(silent, said(), silence_s=0.3)


def test_download_that_cannot_be_had_starts_from_scratch_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBREAK_WEIGHTS_CACHE", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.delenv("no_proxy", raising=False)
    out = io.StringIO()
    assert weights.load_pretrained(spec_with("imagenet"), contract.Progress("embed", out=out)) is None
    assert "could not be had" in out.getvalue()
    assert "--pretrained" in out.getvalue()


def test_weights_downloaded_before_are_taken_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBREAK_WEIGHTS_CACHE", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    making.make_weights(tmp_path / "squeezenet1_0-imagenet1k.safetensors")
    found = weights.load_pretrained(spec_with("imagenet"), said())
    assert found is not None
    assert found.source == "imagenet"

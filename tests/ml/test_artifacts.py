"""The files phones get: they answer like the model, explain themselves, and are the same bytes every time."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.ml import making
from tests.ml.conftest import Night
from training.ml import artifacts, contract, tflite
from training.ml.mil import OPERATIONS, Program, UnknownOperationError
from training.ml.photos import read_batches
from training.ml.saved import read_model

NAMES = ("coreml-fp16", "coreml-int8", "onnx-fp32", "litert-fp32", "litert-int8")
TOLERANCES = {"onnx-fp32": 1e-4, "litert-fp32": 1e-4, "coreml-fp16": 1e-2}  # of a probability
Answer = Callable[[Tensor], Tensor]  # float (n, 3, size, size), 0-255 -> probabilities (n, labels)


def open_litert(path: Path) -> Answer:
    run = tflite.Runner(path.read_bytes(), 1)
    return lambda images: torch.from_numpy(
        np.stack([run(image) for image in images.permute(0, 2, 3, 1).contiguous().numpy()])
    )


def open_onnx(path: Path) -> Answer:
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(
        np.concatenate(
            [session.run(["probabilities"], {"image": image[None]})[0] for image in images.contiguous().numpy()]
        )
    )


OPEN: dict[str, Callable[[Path], Answer]] = {"litert": open_litert, "onnx": open_onnx, "coreml": Program}


@pytest.fixture(scope="session")
def golden(night: Night) -> Tensor:
    """The golden photos as the network takes them, and a black and a white one."""
    photos = [p for p in contract.read_manifest(night.work / "snapshot" / "manifest.jsonl") if p.side == "golden"]
    size = contract.InputContract.of_size(making.SIZE)
    seen = torch.cat([pixels.float() for _, pixels in read_batches(night.work / "photos", photos, size)])
    return torch.cat([seen, torch.zeros(1, 3, 64, 64), torch.full((1, 3, 64, 64), 255.0)])


@pytest.fixture(scope="session")
def expected(night: Night, golden: Tensor) -> Tensor:
    """What the model in memory answers."""
    with torch.inference_mode():
        answers: Tensor = read_model(night.work / "fit").network(golden).softmax(1)
    return answers


@pytest.fixture(scope="session")
def answered(night: Night, golden: Tensor) -> dict[str, Tensor]:
    """What each file answers."""
    with torch.inference_mode():
        return {name: OPEN[name.partition("-")[0]](night.path(name))(golden) for name in NAMES}


def metadata_of(path: Path) -> dict[str, Any]:
    """What a file says of itself, read as a phone or a curious person would."""
    if path.suffix == ".tflite":
        found = tflite.read_metadata(path.read_bytes())
    elif path.suffix == ".onnx":
        import onnx

        found = {entry.key: entry.value for entry in onnx.load(path).metadata_props}["daybreak"]
    else:
        found = Program(path).metadata
    about: dict[str, Any] = json.loads(found)
    return about


@pytest.mark.parametrize("name", TOLERANCES)
def test_file_answers_like_the_model_in_memory(answered: dict[str, Tensor], expected: Tensor, name: str) -> None:
    assert (answered[name] - expected).abs().max() < TOLERANCES[name]


@pytest.mark.parametrize("name", ["coreml-int8", "litert-int8"])
def test_8_bit_file_answers_nearly_like_the_model(answered: dict[str, Tensor], expected: Tensor, name: str) -> None:
    sure = expected.max(1).values > 0.6  # two labels that are nearly as probable may change places
    assert torch.equal(answered[name].argmax(1)[sure], expected.argmax(1)[sure])
    assert (answered[name] - expected).abs().mean() < 0.03


@pytest.mark.parametrize("name", NAMES)
def test_file_answers_with_probabilities(answered: dict[str, Tensor], name: str) -> None:
    assert answered[name].shape[1] == len(making.LABELS)
    assert answered[name].min() >= 0
    assert torch.allclose(answered[name].sum(1), torch.ones(len(answered[name])), atol=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_file_names_its_labels_in_order_and_its_input_contract(night: Night, name: str) -> None:
    about = metadata_of(night.path(name))
    assert about["labels"] == [{"slug": slug, "name": slug.title()} for slug in making.LABELS]
    assert about["input"] == contract.InputContract.of_size(making.SIZE).to_json()


@pytest.mark.parametrize("name", ["coreml-fp16", "coreml-int8"])
def test_core_ml_package_read_back_is_a_classifier_of_an_rgb_image(night: Night, name: str) -> None:
    program = Program(night.path(name))
    assert program.classes == list(making.LABELS)
    assert program.image_size == (making.SIZE, making.SIZE)
    assert (program.input_name, program.probabilities_name) == ("image", "probabilities")
    assert program.colour == 20  # FeatureTypes.proto: ImageFeatureType.ColorSpace.RGB


@pytest.mark.parametrize("name", ["onnx-fp32", "litert-fp32"])
def test_normalisation_is_inside_the_file(night: Night, golden: Tensor, answered: dict[str, Tensor], name: str) -> None:
    model = read_model(night.work / "fit")
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (contract.IMAGENET_MEAN, contract.IMAGENET_STD))
    model.network.mean.zero_()
    model.network.std.fill_(1.0)
    with torch.inference_mode():
        by_hand = model.network((golden - mean) / std).softmax(1)
    assert (answered[name] - by_hand).abs().max() < 1e-4


def test_8_bit_litert_file_is_at_most_28_percent_of_the_float32_one(night: Night) -> None:
    sizes = {name: night.artifacts()[name].bytes for name in NAMES}
    assert sizes["litert-int8"] <= 0.28 * sizes["litert-fp32"]


def test_8_bit_core_ml_file_is_little_more_than_half_of_the_16_bit_one(night: Night) -> None:
    sizes = {name: night.artifacts()[name].bytes for name in NAMES}
    assert sizes["coreml-int8"] <= 0.56 * sizes["coreml-fp16"]
    assert sizes["coreml-int8"] <= 0.30 * sizes["onnx-fp32"]


@pytest.mark.parametrize("name", NAMES)
def test_file_holds_no_path_of_the_machine_that_made_it(night: Night, name: str) -> None:
    data = night.path(name).read_bytes()
    for secret in (str(making.ROOT), str(night.work), "site-packages", "networks.py"):
        assert secret.encode() not in data


def test_zip_of_a_folder_is_the_same_bytes_whatever_its_dates_and_order(tmp_path: Path) -> None:
    names = ["a.txt", "deep/b.txt", "deep/c.txt"]
    for number, order in enumerate((names, names[::-1])):
        for name in order:
            path = tmp_path / str(number) / "model.mlpackage" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name, "utf-8")
            os.utime(path, (number * 1_000_000_000 + 1, number * 1_000_000_000 + 1))
        artifacts.zip_folder(tmp_path / str(number) / "model.mlpackage", tmp_path / f"{number}.zip")
    assert (tmp_path / "0.zip").read_bytes() == (tmp_path / "1.zip").read_bytes()


def test_zip_of_a_package_lies_under_the_package_s_name_and_is_stored(night: Night) -> None:
    with zipfile.ZipFile(night.path("coreml-fp16")) as packed:
        entries = packed.infolist()
    assert {entry.filename.partition("/")[0] for entry in entries} == {"model.mlpackage"}
    assert all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


def test_package_with_an_operation_nobody_knows_is_not_judged(
    night: Night, golden: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program(night.path("coreml-fp16"))
    monkeypatch.setattr("training.ml.mil.OPERATIONS", {k: v for k, v in OPERATIONS.items() if k != "max_pool"})
    with pytest.raises(UnknownOperationError, match="max_pool"):
        program(golden[:1])


def test_litert_file_without_our_metadata_is_told_apart(night: Night) -> None:
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(str(night.path("litert-fp32")))
    model.metadata = []
    with pytest.raises(KeyError, match="daybreak"):
        tflite.read_metadata(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))


def test_metadata_after_a_round_trip_is_the_same(night: Night) -> None:
    model = read_model(night.work / "fit")
    assert artifacts.read_metadata(artifacts.metadata(model)) == (model.labels, model.contract)

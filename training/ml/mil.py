"""Runs a Core ML program as it stands in the package, on any machine: about twenty operations, done by PyTorch.

Core ML itself runs on Apple's machines only. This reads the written program and its weights back (8-bit ones times
their scales), and evaluates operation by operation, rounding every result to the type the program gives it, so that
float16 is felt. It stands in for Core ML's CPU; a phone's neural engine may round otherwise.
"""

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.ml.artifacts import METADATA_NAME
from training.ml.coremltools_door import coremltools

Inputs = Mapping[str, Any]
_constant_kinds = {"const", "constexpr_affine_dequantize"}
_picked_kinds = {"relu", "max_pool", "concat", "reshape", "squeeze"}  # results are inputs or 0: rounded already
AT_ONCE = 8  # photos: their maps stay in the cache


class UnknownOperationError(Exception):
    """The program holds an operation this file does not know, so nothing can be said about it."""


class Program:
    """A package, ready to be run."""

    def __init__(self, package: Path) -> None:
        ct = coremltools()
        from coremltools.converters.mil.frontend.milproto.load import load

        with tempfile.TemporaryDirectory() as scratch:
            with zipfile.ZipFile(package) as packed:
                packed.extractall(scratch)
            (folder,) = Path(scratch).glob("*.mlpackage")
            spec = ct.utils.load_spec(str(folder))
            weights = folder / "Data" / "com.apple.CoreML" / "weights"
            program = load(spec, specification_version=spec.specificationVersion, file_weights_dir=str(weights))
            function = program.functions["main"]
            self._steps = [step for step in function.operations if step.op_type not in _constant_kinds]
            self._constants = {
                step.outputs[0].name: _constant(step) for step in function.operations if step.op_type in _constant_kinds
            }
        self._over_after = _over_after(self._steps, kept=set(self._constants))
        described = spec.description
        self.image_size: tuple[int, int] = (
            described.input[0].type.imageType.width,
            described.input[0].type.imageType.height,
        )
        self.colour: int = described.input[0].type.imageType.colorSpace
        self.input_name: str = described.input[0].name
        self.probabilities_name: str = described.predictedProbabilitiesName
        self.metadata: str = described.metadata.userDefined[METADATA_NAME]
        self.classes: list[str] = []
        self._result = ""
        for step in self._steps:
            if step.op_type == "classify":
                self.classes = [str(name) for name in np.ravel(step.classes.val)]
                self._result = step.probabilities.name

    def __call__(self, image: Tensor) -> Tensor:
        """``image`` float (n, 3, height, width), 0-255; the probabilities (n, classes)."""
        return torch.cat([self._answer(part) for part in torch.split(image, AT_ONCE)])

    def _answer(self, image: Tensor) -> Tensor:
        """Written for one photo; several may go through together."""
        values: dict[str, Any] = dict(self._constants)
        values[self.input_name] = image
        for number, step in enumerate(self._steps):
            if step.op_type != "classify":
                run = OPERATIONS.get(step.op_type)
                if run is None:
                    raise UnknownOperationError(step.op_type)
                found = run({name: _read(value, values) for name, value in step.inputs.items()})
                is_picked = step.op_type in _picked_kinds
                values[step.outputs[0].name] = found if is_picked else _rounded(found, step.outputs[0])
                for name in self._over_after[number]:
                    del values[name]
        answer: Tensor = values[self._result]
        return answer.flatten(1).float()


def _constant(step: Any) -> Any:
    value = step.val.val if step.op_type == "const" else step.materialized_val_inference()
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return torch.from_numpy(np.array(value)).float()
    return value


def _over_after(steps: list[Any], *, kept: set[str]) -> list[list[str]]:
    """For each step, the values nobody needs after it: all maps of a batch of photos take gigabytes."""
    last: dict[str, int] = {}
    for number, step in enumerate(steps):
        if step.op_type != "classify":
            for value in step.inputs.values():
                several = value if isinstance(value, list | tuple) else [value]
                last |= {one.name: number for one in several}
    result = next((step.probabilities.name for step in steps if step.op_type == "classify"), "")
    over: list[list[str]] = [[] for _ in steps]
    for name, number in last.items():
        if name not in kept and name != result:
            over[number].append(name)
    return over


def _read(value: Any, values: Mapping[str, Any]) -> Any:
    return [values[one.name] for one in value] if isinstance(value, list | tuple) else values[value.name]


def _rounded(found: Tensor, variable: Any) -> Tensor:
    from coremltools.converters.mil.mil import types

    return found.half().float() if variable.dtype == types.fp16 else found


def _whole(numbers: Any) -> list[int]:
    return [int(n) for n in numbers]


def _padding(given: Inputs, sides: int) -> tuple[list[int], bool]:
    """(left, right, top, bottom) as PyTorch pads; whether the right and bottom are filled up to whole steps."""
    pad = [int(n) for n in given.get("pad", [0] * 2 * sides)]
    kind = given["pad_type"]
    if kind == "valid":
        return [0, 0, 0, 0], False
    if kind != "custom":
        raise UnknownOperationError(f"pad_type {kind}")
    top, bottom, left, right = pad
    return [left, right, top, bottom], bool(given.get("ceil_mode", False))


def _conv(given: Inputs) -> Tensor:
    (left, right, top, bottom), _ = _padding(given, 2)
    x, around = given["x"], [top, left]
    if (left, top) != (right, bottom):  # the same all round needs no copy
        x, around = functional.pad(x, [left, right, top, bottom]), [0, 0]
    strides, dilations = _whole(given["strides"]), _whole(given["dilations"])
    return functional.conv2d(x, given["weight"], given.get("bias"), strides, around, dilations, int(given["groups"]))


def _max_pool(given: Inputs) -> Tensor:
    padding, ceil = _padding(given, 2)
    x = functional.pad(given["x"], padding, value=-torch.inf) if any(padding) else given["x"]
    return functional.max_pool2d(x, _whole(given["kernel_sizes"]), _whole(given["strides"]), ceil_mode=ceil)


def _avg_pool(given: Inputs) -> Tensor:
    padding, ceil = _padding(given, 2)
    if any(padding) or ceil:
        raise UnknownOperationError("avg_pool with padding")
    return functional.avg_pool2d(given["x"], _whole(given["kernel_sizes"]), _whole(given["strides"]))


def _reduce_mean(given: Inputs) -> Tensor:
    found: Tensor = given["x"].mean(_whole(given["axes"]), keepdim=bool(given["keep_dims"]))
    return found


def _reshape(given: Inputs) -> Tensor:
    x, shape = given["x"], _whole(given["shape"])
    found: Tensor = x.reshape([len(x), *shape[1:]] if shape[0] == 1 else shape)
    return found


def _thresholded_relu(given: Inputs) -> Tensor:
    # Core ML's: x where x >= alpha, else 0 - and, as an upper bound, min(x, alpha) is spelled with clip.
    return torch.where(given["x"] >= float(given["alpha"]), given["x"], torch.zeros(()))


OPERATIONS: Mapping[str, Callable[[Inputs], Tensor]] = {
    "add": lambda given: given["x"] + given["y"],
    "sub": lambda given: given["x"] - given["y"],
    "mul": lambda given: given["x"] * given["y"],
    "real_div": lambda given: given["x"] / given["y"],
    "cast": lambda given: given["x"],  # the rounding is done by the type of the result
    "relu": lambda given: given["x"].relu(),
    "relu6": lambda given: given["x"].clamp(0, 6),
    "clip": lambda given: given["x"].clamp(float(given["alpha"]), float(given["beta"])),
    "sigmoid": lambda given: given["x"].sigmoid(),
    "sigmoid_hard": lambda given: (given["x"] * float(given["alpha"]) + float(given["beta"])).clamp(0, 1),
    "thresholded_relu": _thresholded_relu,
    "conv": _conv,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "reduce_mean": _reduce_mean,
    "concat": lambda given: torch.cat(given["values"], dim=int(given["axis"])),
    "reshape": _reshape,
    "squeeze": lambda given: given["x"].squeeze(_whole(given["axes"])),
    "softmax": lambda given: given["x"].softmax(int(given["axis"])),
}

"""The two runtimes that Linux has. A phone has one of them; each is imported only when its kind of file is run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub.client.faults import Refused, WrongCall

Tensor = npt.NDArray[Any]
Run = Callable[[Tensor], list[float]]


def load(runtime: str, path: Path, tensor_input: Mapping[str, Any]) -> Run:
    """A function from one prepared photo to a score a label. Raises WrongCall (no runtime) or Refused (bad file)."""
    loaders = {"litert": _load_litert, "onnx": _load_onnx}
    if runtime not in loaders:
        raise WrongCall(f"A {runtime} file cannot run here; allowed are litert and onnx. Fetch with --runtime litert.")
    try:
        return loaders[runtime](path, tensor_input)
    except ImportError as error:
        package = {"litert": "ai-edge-litert", "onnx": "onnxruntime"}[runtime]
        raise WrongCall(f"Running {runtime} files needs the package {package}: pip install {package}") from error


def _load_litert(path: Path, _tensor_input: Mapping[str, Any]) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise Refused(f"LiteRT cannot load {path}: {error}") from error
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(pixels: Tensor) -> list[float]:
        if tuple(taken["shape"]) != pixels.shape or taken["dtype"] != pixels.dtype:
            raise _mismatch((tuple(taken["shape"]), np.dtype(taken["dtype"])), pixels)
        interpreter.set_tensor(taken["index"], pixels)
        interpreter.invoke()
        return _as_scores(interpreter.get_tensor(given["index"]))

    return run


def _load_onnx(path: Path, tensor_input: Mapping[str, Any]) -> Run:
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no class of their own
        raise Refused(f"ONNX Runtime cannot load {path}: {error}") from error
    taken = session.get_inputs()[0]
    name = str(tensor_input.get("name") or taken.name)

    def run(pixels: Tensor) -> list[float]:
        fixed = [side if isinstance(side, int) else mine for side, mine in zip(taken.shape, pixels.shape, strict=False)]
        if taken.name != name or len(taken.shape) != pixels.ndim or tuple(fixed) != pixels.shape:
            raise _mismatch((taken.name, taken.shape), pixels)
        return _as_scores(session.run(None, {name: pixels})[0])

    return run


def _as_scores(output: Tensor) -> list[float]:
    return [float(score) for score in np.asarray(output).reshape(-1)]


def _mismatch(taken: object, pixels: Tensor) -> Refused:
    return Refused(f"The file takes {taken}; the signed document says {pixels.shape} {pixels.dtype}.")

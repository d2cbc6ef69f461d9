"""Stage litert: the LiteRT files, float32 and 8-bit weights.

A stage of its own, since its converter may need an interpreter of its own (``TRAINING_LITERT_PYTHON``): it brings jax.
"""

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training.ml import artifacts, reject, tflite
from training.ml.contract import Artifact, Progress, RunSpec
from training.ml.manifest import sample_for
from training.ml.networks import WithSoftmax, ready_to_export
from training.ml.photos import read_batches
from training.ml.rounding import read_rounded
from training.ml.saved import SavedModel
from training.ml.workspace import Work

Pixels = npt.NDArray[np.float32]  # (size, size, 3), 0-255
TOLERATED = 0.01  # share of answers the faster kind may change beyond those the more exact one changes


class PhotosLast(nn.Module):
    """The same network for pixels as LiteRT and Android have them: (1, size, size, 3)."""

    def __init__(self, exported: WithSoftmax) -> None:
        super().__init__()
        self.exported = exported

    def forward(self, image: Tensor) -> Tensor:
        """Probabilities (1, labels)."""
        found: Tensor = self.exported(image.permute(0, 3, 1, 2))
        return found


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """Writes the two files; returns their entries and which kind of 8-bit was taken, and why."""
    model = reject.read_fitted(work)
    message = "writing files for phones"
    progress.report(0, 3, message)
    whole = _convert(ready_to_export(model.network), model, out / "litert-fp32.tflite")
    progress.report(1, 3, message)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        # The same rounded weights as the Core ML file's; the quantiser finds their grid again.
        rounded = _convert(read_rounded(model, work.stage("compress")), model, Path(scratch) / "rounded.tflite")
        progress.report(2, 3, message)
        pixels = _hard_photos(work, model)
        expected = _answers(whole.read_bytes(), pixels, spec.threads)
        flips: dict[str, float] = {}
        kinds: dict[str, bytes] = {}
        for kind in ("dynamic", "weight_only"):
            kinds[kind] = tflite.quantise(rounded, kind)
            flips[kind] = float((_answers(kinds[kind], pixels, spec.threads) != expected).mean())
            if flips[kind] <= TOLERATED:  # the other one could not be better by more
                break
    taken = "weight_only" if flips.get("weight_only", 1.0) < flips["dynamic"] - TOLERATED else "dynamic"
    (out / "litert-int8.tflite").write_bytes(kinds[taken])
    progress.report(3, 3, message)
    found = [_describe(out / f"litert-{precision}.tflite", model, precision) for precision in ("fp32", "int8")]
    return {
        "artifacts": [artifact.to_json() for artifact in found],
        "int8": {"kind": taken, "flips_on_blends": flips, "blends": len(pixels)},
    }


def _convert(exported: WithSoftmax, model: SavedModel, path: Path) -> Path:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")  # it must not look for accelerators
    logging.getLogger("jax").setLevel(logging.ERROR)
    import litert_torch

    size = model.contract.size
    example = {"image": torch.zeros(1, size, size, 3)}
    litert_torch.convert(PhotosLast(exported).eval(), sample_kwargs=example).export(str(path))
    tflite.complete(path, metadata=artifacts.metadata(model))
    return path


def _hard_photos(work: Work, model: SavedModel) -> list[Pixels]:
    """Blends of two train photos each.

    The model is sure of photos it learned from: nothing short of ruin would change those answers. And golden photos
    decide nothing but the gate.
    """
    batches = read_batches(work.photos, sample_for("litert", work.train()), model.contract)
    images = [image for _, pixels in batches for image in pixels.permute(0, 2, 3, 1).float().numpy()]
    others = images[len(images) // 3 :] + images[: len(images) // 3]
    return [((one + other) / 2).round() for one, other in zip(images, others, strict=True)]


def _answers(
    data: bytes, pixels: Sequence[np.ndarray[Any, np.dtype[np.float32]]], threads: int
) -> np.ndarray[Any, np.dtype[np.int64]]:
    classify = tflite.Runner(data, threads)
    return np.array([int(classify(image).argmax()) for image in pixels])


def _describe(path: Path, model: SavedModel, precision: str) -> Artifact:
    tensor = artifacts.tensor_input(model.contract.size, layout="NHWC")
    return artifacts.describe(path, runtime="litert", precision=precision, kind="tflite", tensor_input=tensor)

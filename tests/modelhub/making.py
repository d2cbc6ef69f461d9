"""What the hub's tests start from: small files that stand for models, and releases published through the one door."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

from modelhub.domain import releases
from modelhub.domain.releases import ArtifactFile, Release

NIGHT = date(2026, 11, 21)
FIVE = {"project": "mugs", "channel": "stable", "iface": "1", "platform": "linux", "runtime": "litert"}
LABELS = [{"slug": "cup", "name": "A cup"}, {"slug": "mug", "name": "A mug"}]
CONTRACT = {
    "size": 32,
    "orientation": "upright",
    "colour": "sRGB",
    "resize": {"mode": "short_side_then_center_crop", "short_side": 32, "filter": "bilinear", "antialias": True},
    "channels": "RGB",
    "range": [0, 255],
    "normalise": {"where": "in_graph", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
    "output": {"name": "probabilities", "activation": "softmax"},
}
NHWC = {"name": "image", "layout": "NHWC", "dtype": "float32", "shape": [1, 32, 32, 3]}
NCHW = NHWC | {"layout": "NCHW", "shape": [1, 3, 32, 32]}
FORMATS = {"litert": "tflite", "onnx": "onnx", "coreml": "mlpackage.zip"}


def make_file(folder: Path, data: bytes, runtime: str = "litert", precision: str = "int8") -> ArtifactFile:
    """A file on disk as training leaves it."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / f"{sha256[:12]}-{precision}.{FORMATS[runtime]}"
    path.write_bytes(data)
    return ArtifactFile(
        path=path,
        runtime=runtime,
        precision=precision,
        format=FORMATS[runtime],
        sha256=sha256,
        size_bytes=len(data),
        tensor_input=NHWC if runtime == "litert" else NCHW,
        golden_accuracy=0.95,
        flips_vs_fp32=0.005,
        verified_by="ai-edge-litert 2.3.0",
    )


def make_files(folder: Path, seed: str = "a") -> list[ArtifactFile]:
    """One night's files of 1,000 bytes each: two for LiteRT, one each for the others."""
    kinds = [("litert", "int8"), ("litert", "fp32"), ("onnx", "fp32"), ("coreml", "int8")]
    texts = [f"{seed} {runtime} {precision} ".encode() * 100 for runtime, precision in kinds]
    return [make_file(folder, text[:1000], *kind) for text, kind in zip(texts, kinds, strict=True)]


def publish(artifacts: list[ArtifactFile], origin: str = "run:1", **changes: Any) -> Release:
    """Publish with what the tests do not care about filled in."""
    asked: dict[str, Any] = {
        "project_slug": "mugs",
        "origin": origin,
        "night": NIGHT,
        "labels": LABELS,
        "input_contract": CONTRACT,
        "metrics": {"golden_accuracy": 0.95},
    }
    return releases.publish(artifacts=artifacts, **(asked | changes))

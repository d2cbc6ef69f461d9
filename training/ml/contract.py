"""The one door into ``training.ml``: what goes in, what comes out, and what is said meanwhile. Standard library only.

    python -m training.ml STAGE --spec WORK/spec.json --in WORK --out WORK/STAGE
    python -m training.ml all   --spec WORK/spec.json --in WORK
    python -m training.ml verify --spec WORK/spec.json --in WORK --out DIR      may be run by anybody, again

WORK holds ``spec.json`` (``RunSpec``), ``snapshot/manifest.jsonl`` (a ``ManifestPhoto`` a line),
``snapshot/snapshot.json`` (``Snapshot``), ``photos/<sha256>.jpg`` (those that ``photos_for`` names at least), and one
folder a finished stage; optionally ``production/`` (a whole ``fit`` output), ``features/`` (packs of earlier nights),
``part.jsonl`` (the photos that are in none of them, for ``embed``), ``volunteers.json`` (whose contribution
``evaluate`` shall measure, most wanted first), and ``snapshot/negatives.jsonl`` (photos that show no label: a
``ManifestPhoto`` a line, the reason in place of the label).
A stage writes into ``--out`` only and writes ``result.json`` last.
Exit status: 0 finished, 2 the input is at fault (``problem`` lines say why), 3 the bytes of a photo are missing that
``photos_for`` did not foresee, anything else a fault of ours.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.ml.lines import Line, NoticeLine, ProblemLine, Progress, ProgressLine, ResultLine, parse_line
from training.ml.manifest import (
    PART,
    ManifestPhoto,
    Snapshot,
    SnapshotLabel,
    photos_for,
    read_manifest,
    stream_manifest,
    write_manifest,
)  # fmt: skip
from training.ml.packs import (
    Pack,
    PackBrokenError,
    features_key,
    join_packs,
    open_pack,
    read_digests,
    read_head,
    write_pack,
)  # fmt: skip
from training.ml.problems import Checker, Problem, ProblemsFoundError, a_problem
from training.ml.profile import WAYS, CaptureProfile, Way
from training.ml.spec import (
    ARCHES,
    IMAGENET_MEAN,
    IMAGENET_STD,
    SPEC,
    STRATEGIES,
    InputContract,
    Label,
    ResizeRule,
    RunSpec,
)  # fmt: skip

__all__ = [
    "ARCHES", "CHECKPOINT", "EXIT_PHOTOS", "EXIT_PROBLEM", "IMAGENET_MEAN", "IMAGENET_STD", "PART", "SPEC", "STAGES",
    "STAGE_FILES", "STRATEGIES", "WANTED", "WAYS", "Artifact", "CaptureProfile", "Checker", "InputContract",
    "Label", "Line", "ManifestPhoto", "NoticeLine", "Pack", "PackBrokenError", "Problem", "ProblemLine",
    "ProblemsFoundError", "Progress", "ProgressLine", "ResizeRule", "ResultLine", "RunSpec", "Snapshot",
    "SnapshotLabel", "Strategy", "Way", "a_problem", "features_key", "join_packs", "open_pack", "parse_line",
    "photos_for", "read_digests", "read_head", "read_json", "read_manifest", "read_spec", "stream_manifest",
    "write_json", "write_manifest", "write_pack",
]  # fmt: skip

STAGES = ("choose", "start", "embed", "fit", "evaluate", "compress", "litert", "verify")
EXIT_PROBLEM = 2
EXIT_PHOTOS = 3
WANTED = "volunteers.json"
CHECKPOINT = "checkpoint"  # a folder in fit's --out while it trains: put there before, it is gone on from
# Exactly what each finished stage leaves behind, besides result.json.
STAGE_FILES: Mapping[str, tuple[str, ...]] = {
    "choose": (),  # features-<arch>.safetensors of each network that is probed, where there are several
    "start": ("backbone.safetensors", "features.onnx"),  # nothing, and a note, without pretrained weights
    "embed": ("features.safetensors",),  # as well
    "fit": ("left_out.jsonl", "model.safetensors", "model.json", "suspicions.jsonl"),
    # The packs hold features of photos that no earlier night judged by; without a pretrained backbone, none.
    "evaluate": (
        "predictions.jsonl", "contributions.json", "golden.safetensors", "careless.safetensors", "shaken.safetensors",
        "unlabelled.safetensors",
    ),
    "compress": ("coreml-fp16.mlpackage.zip", "coreml-int8.mlpackage.zip", "model.onnx", "rounded.safetensors"),
    "litert": ("litert-fp32.tflite", "litert-int8.tflite"),
    "verify": (
        "predictions-coreml-fp16.jsonl", "predictions-coreml-int8.jsonl", "predictions-litert-fp32.jsonl",
        "predictions-litert-int8.jsonl", "predictions-onnx-fp32.jsonl",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the model was made, and why, in words."""

    name: str  # "head on cached features", "head, then last blocks", ...; strategy.py has them all
    why: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file for one runtime; the last three fields are known after ``verify``."""

    runtime: str  # "coreml", "litert", "onnx"
    precision: str  # "fp32", "fp16", "int8"
    format: str  # "mlpackage.zip", "tflite", "onnx"
    file: str  # relative to the stage's folder; in verify's result relative to WORK
    bytes: int
    sha256: str
    tensor_input: Mapping[str, Any]  # {"name", "layout", "dtype", "shape", "channels", "range"}
    golden_accuracy: float | None = None
    flips_vs_fp32: float | None = None  # share of golden answers that differ from the fp32 model's
    verified_by: str = ""  # what exactly was run
    mark: str = ""  # empty, or why a person should look before this file is used

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``result.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Artifact":
        """Reads one entry of ``artifacts``; unknown fields are left alone, missing ones raise ``TypeError``."""
        return cls(**{name: raw[name] for name in cls.__slots__ if name in raw})


def read_spec(path: Path) -> RunSpec:
    """The spec in a file. Raises ``ProblemsFoundError``: missing, not JSON, or not a usable spec."""
    return RunSpec.from_json(read_json(path))


def read_json(path: Path) -> Any:
    """A JSON file of ours. Raises ``ProblemsFoundError`` where it is missing or broken."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise a_problem("A file is missing", path, "a JSON file", "Check --in and --spec.") from None
    except ValueError as error:
        raise a_problem("A file is not JSON", f"{path}: {error}", "UTF-8 JSON", "Write the file anew.") from None


def write_json(path: Path, value: object) -> None:
    """Writes JSON with sorted keys, whole or not at all: a reader never sees half a file."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    part.replace(path)

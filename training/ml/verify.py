"""Stage verify: every artifact answers every golden photo, as the file it is. Anybody may run it again.

Reported is the accuracy of the file, not of the model in memory, and the share of answers it changes against the
float32 model (``evaluate/predictions.jsonl``). An artifact that changes more than 1% is marked.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.ml import artifacts, tflite
from training.ml.contract import Artifact, InputContract, Label, Progress, RunSpec, a_problem
from training.ml.mil import Program
from training.ml.photos import read_batches
from training.ml.saved import read_answers, write_predictions
from training.ml.workspace import Work, sha256_of

MOST_FLIPS = 0.01
RGB = 20  # Core ML's number for an RGB image
Classify = Callable[[Tensor], Tensor]  # float (n, 3, size, size), 0-255 -> probabilities (n, labels)

VERIFIED_BY = {
    "litert": "the file, run by ai-edge-litert {litert} on the CPU (XNNPACK), one photo at a time",
    "onnx": "the file, run by onnxruntime {onnx} on the CPU",
    "coreml": "program, weights and labels read back out of the package and evaluated by our own interpreter (PyTorch "
    "{torch}, every result rounded to the program's types); not run by Core ML, which needs an Apple machine",
}


@dataclasses.dataclass(frozen=True)
class Opened:
    """An artifact ready to answer, and what it says of itself."""

    classify: Classify
    labels: tuple[Label, ...]
    contract: InputContract


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """Writes predictions for each artifact; returns their entries with what was found."""
    files = list(_artifacts(work))
    for artifact, path in files:
        if sha256_of(path) != artifact.sha256:
            raise a_problem(
                "An artifact is not the file its stage wrote", path, f"sha256 {artifact.sha256}", "Run the stage again."
            )
    opened = [_open(artifact, path, spec) for artifact, path in files]
    answers = _answer(opened, work, progress)
    judged = [
        _judge(artifact, one, given, work, out)
        for (artifact, _), one, given in zip(files, opened, answers, strict=True)
    ]
    return {"artifacts": [artifact.to_json() for artifact in judged]}


def _artifacts(work: Work) -> Iterator[tuple[Artifact, Path]]:
    for stage in ("compress", "litert"):
        for entry in work.result(stage)["artifacts"]:
            artifact = Artifact.from_json(entry)
            yield dataclasses.replace(artifact, file=f"{stage}/{artifact.file}"), work.stage(stage) / artifact.file


def _answer(opened: Sequence[Opened], work: Work, progress: Progress) -> list[Tensor]:
    """Probabilities (golden photos, labels) of each file; a photo is decoded once for all that see it alike."""
    photos, done = work.golden(), 0
    parts: list[list[Tensor]] = [[] for _ in opened]
    with torch.inference_mode():
        for contract in dict.fromkeys(one.contract for one in opened):
            alike = [place for place, one in enumerate(opened) if one.contract == contract]
            for _, pixels in read_batches(work.photos, photos, contract):
                image = pixels.float()
                for place in alike:
                    parts[place].append(opened[place].classify(image))
                    done += len(image)
                    progress.report(done, len(photos) * len(opened), f"golden photos, by {len(opened)} files")
    return [torch.cat(part) for part in parts]


def _judge(artifact: Artifact, opened: Opened, found: Tensor, work: Work, out: Path) -> Artifact:
    photos, expected = work.golden(), read_answers(work.stage("evaluate") / "predictions.jsonl")
    slugs = [label.slug for label in opened.labels]
    given = [slugs[index] for index in found.argmax(1).tolist()]
    write_predictions(out / f"predictions-{artifact.runtime}-{artifact.precision}.jsonl", photos, slugs, found)
    hits = sum(answer == photo.label for answer, photo in zip(given, photos, strict=True))
    flips = sum(answer != expected[photo.photo] for answer, photo in zip(given, photos, strict=True)) / len(photos)
    return dataclasses.replace(
        artifact, golden_accuracy=round(hits / len(photos), 6), flips_vs_fp32=round(flips, 6),
        verified_by=_verified_by(artifact.runtime), mark=_mark(flips),
    )  # fmt: skip


def _mark(flips: float) -> str:
    if flips <= MOST_FLIPS:
        return ""
    return f"changes {100 * flips:.1f}% of the float32 model's answers; at most {100 * MOST_FLIPS:.0f}% is normal"


def _open(artifact: Artifact, path: Path, spec: RunSpec) -> Opened:
    opened = {"litert": _open_litert, "onnx": _open_onnx, "coreml": _open_coreml}[artifact.runtime](path, spec)
    if tuple(label.slug for label in opened.labels) != spec.slugs:
        raise a_problem("An artifact's labels are not the spec's", path, ", ".join(spec.slugs), "Run the stages again.")
    return opened


def _open_litert(path: Path, spec: RunSpec) -> Opened:
    data = path.read_bytes()
    runner = tflite.Runner(data, spec.threads)

    def classify(pixels: Tensor) -> Tensor:
        images = np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy())
        return torch.from_numpy(np.stack([runner(image) for image in images]))

    return Opened(classify, *artifacts.read_metadata(tflite.read_metadata(data)))


def _open_onnx(path: Path, spec: RunSpec) -> Opened:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = spec.threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # we share the machine
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])

    def classify(pixels: Tensor) -> Tensor:
        images = pixels.contiguous().numpy()
        found = [session.run(["probabilities"], {"image": image[None]})[0] for image in images]
        return torch.from_numpy(np.concatenate(found))

    about = session.get_modelmeta().custom_metadata_map[artifacts.METADATA_NAME]
    return Opened(classify, *artifacts.read_metadata(about))


def _open_coreml(path: Path, spec: RunSpec) -> Opened:
    program = Program(path)
    labels, contract = artifacts.read_metadata(program.metadata)
    sides = (contract.size, contract.size)
    if program.image_size != sides or program.colour != RGB or program.input_name != "image":
        raise a_problem(
            "The Core ML package wants another input", path, f"an RGB image of {sides}", "Run compress again."
        )
    if program.classes != list(spec.slugs):
        raise a_problem(
            "The Core ML package's classes are not the labels", ", ".join(program.classes), ", ".join(spec.slugs)
        )
    return Opened(program, labels, contract)


def _verified_by(runtime: str) -> str:
    from importlib.metadata import version

    versions = {"litert": version("ai-edge-litert"), "onnx": version("onnxruntime"), "torch": version("torch")}
    return VERIFIED_BY[runtime].format(**versions)

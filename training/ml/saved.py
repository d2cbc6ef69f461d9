"""A fitted model on disk: ``model.safetensors`` and ``model.json``. Weights never travel as pickles."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.ml.contract import (
    InputContract,
    Label,
    ManifestPhoto,
    Progress,
    RunSpec,
    Strategy,
    a_problem,
    read_json,
    write_json,
)  # fmt: skip
from training.ml.networks import Network
from training.ml.photos import read_batches


@dataclass(frozen=True)
class SavedModel:
    """A network with what its outputs mean."""

    network: Network
    labels: tuple[Label, ...]
    strategy: Strategy

    @property
    def slugs(self) -> tuple[str, ...]:
        """The answers, in output order."""
        return tuple(label.slug for label in self.labels)

    @property
    def contract(self) -> InputContract:
        """How its photos are prepared."""
        return self.network.contract


def write_model(out: Path, network: Network, *, spec: RunSpec, strategy: Strategy, snapshot: str) -> dict[str, Any]:
    """Writes the two files; returns what ``model.json`` holds. The same weights always give the same bytes."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, out / "model.safetensors")
    about = {
        "arch": network.arch, "input": spec.input.to_json(), "labels": [asdict(label) for label in spec.labels],
        "head": {"taps": list(network.taps), "grids": [grid for _, _, grid in network.shapes]},
        "strategy": asdict(strategy), "seed": spec.seed, "snapshot": snapshot,
    }  # fmt: skip
    write_json(out / "model.json", about)
    return about


def read_model(folder: Path) -> SavedModel:
    """The model in a ``fit`` output. Raises ``ProblemsFoundError`` where a file is missing, broken, or does not fit."""
    about = read_json(folder / "model.json")
    try:
        labels = tuple(Label(entry["slug"], entry["name"]) for entry in about["labels"])
        arch, contract = about["arch"], InputContract.from_json(about["input"])
        strategy = Strategy(**about["strategy"])
        network = Network(arch, contract, len(labels))
    except (KeyError, TypeError, ValueError) as error:
        raise a_problem("model.json is not a model's description", f"{folder}: {error!r}", "what fit writes") from error
    path = folder / "model.safetensors"
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise a_problem(
            "The model's weights cannot be used", f"{path}: {error}", f"weights of {arch}", "Run fit again."
        ) from error
    return SavedModel(network.eval(), labels, strategy)


def predict(
    network: Network, folder: Path, photos: Sequence[ManifestPhoto], progress: Progress,
    *, antialias: bool | None = None, message: str = "golden photos",
) -> Tensor:  # fmt: skip
    """Probabilities (photos, labels) of the float32 model, prepared by its own contract."""
    batches = (pixels for _, pixels in read_batches(folder, photos, network.contract, antialias=antialias))
    return predict_batches(network, batches, len(photos), progress, message)


def predict_batches(
    network: Network, batches: Iterable[Tensor], total: int, progress: Progress, message: str
) -> Tensor:
    """Probabilities (total, labels) for batches of the network's input, uint8 (n, 3, size, size)."""
    network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs forget it
    found: list[Tensor] = []
    with torch.inference_mode():
        for pixels in batches:
            found.append(network(pixels.float()).softmax(1))
            progress.report(sum(map(len, found)), total, message)
    return torch.cat(found)


def write_predictions(
    path: Path, photos: Sequence[ManifestPhoto], slugs: Sequence[str], found: Tensor, **more: Sequence[str]
) -> None:
    """One line a photo, in the manifest's order; ``more`` are further columns."""
    best = found.max(1)
    with path.open("w", encoding="utf-8") as file:
        for row, photo in enumerate(photos):
            line = {
                "photo": photo.photo, "volunteer": photo.volunteer, "label": photo.label,
                "answer": slugs[int(best.indices[row])], "probability": round(float(best.values[row]), 6),
            }  # fmt: skip
            line |= {name: column[row] for name, column in more.items()}
            file.write(json.dumps(line, sort_keys=True) + "\n")


def read_answers(path: Path) -> dict[str, str]:
    """Photo -> answer of a predictions file."""
    lines = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    return {line["photo"]: line["answer"] for line in lines}

"""A fitted model on disk: ``model.safetensors`` and ``model.json``. Weights never travel as pickles."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.ml.contract import (
    InputContract,
    Label,
    ManifestPhoto,
    RunSpec,
    Strategy,
    a_problem,
    read_json,
    write_json,
)  # fmt: skip
from training.ml.networks import Network


@dataclass(frozen=True)
class SavedModel:
    """A network with what its outputs mean."""

    network: Network
    labels: tuple[Label, ...]
    strategy: Strategy
    rejection: Mapping[str, Any] | None = None  # when to answer none of these, as files and releases carry it

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


def write_predictions(
    path: Path, photos: Sequence[ManifestPhoto], slugs: Sequence[str], found: Tensor, **more: Sequence[str | float]
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

"""What a training has reached, kept on disk: whoever is killed goes on from there and loses one interval at most.

``OUT/checkpoint/<sha256>.safetensors``, written beside, synced and renamed, its digest its name; older ones go after.
It holds weights, the optimiser's memory, the dice and the place in the schedule: where the way of calculating and the
number of steps are the same, the model is the same as if nothing had happened. One of other inputs is left alone.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from training.ml.contract import CHECKPOINT

MOST_S, PARTS = 60.0, 10  # a minute apart, or a tenth of the budget where that is less


@dataclass(frozen=True, slots=True)
class Saved:
    """Tensors by name, and what JSON can say."""

    tensors: dict[str, Tensor]
    rest: dict[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, under the rest of their names."""
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


@dataclass(slots=True)
class Checkpoints:
    """Reads and writes those of one training; ``key`` names all it depends on."""

    folder: Path
    key: str
    every_s: float
    _saved_at: float = field(default_factory=time.monotonic)

    @classmethod
    def beside(cls, out: Path, key: Mapping[str, Any], budget_s: float) -> "Checkpoints":
        """Those in a stage's output folder."""
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return cls(out / CHECKPOINT, digest, min(MOST_S, budget_s / PARTS))

    @property
    def is_due(self) -> bool:
        """Whether the last one is an interval ago."""
        return time.monotonic() - self._saved_at >= self.every_s

    def write(self, tensors: Mapping[str, Tensor], rest: Mapping[str, Any]) -> None:
        """Replaces what was there, whole or not at all."""
        whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        data = save(whole, metadata={"key": self.key, "rest": json.dumps(rest)})
        self.folder.mkdir(exist_ok=True)
        before = list(self.folder.iterdir())
        part = self.folder / "part"
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        final = self.folder / f"{hashlib.sha256(data).hexdigest()}.safetensors"
        part.replace(final)
        for path in before:
            if path not in {part, final}:
                path.unlink(missing_ok=True)
        self._saved_at = time.monotonic()

    def read(self) -> Saved | None:
        """The newest that is whole and of the same inputs, or None."""
        if not self.folder.is_dir():
            return None
        for path in sorted(self.folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime, reverse=True):
            if found := self._read(path):
                return found
        return None

    def _read(self, path: Path) -> Saved | None:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != path.stem:
                return None
        try:
            with safe_open(path, framework="pt") as opened:
                about = opened.metadata() or {}
                if about.get("key") != self.key:
                    return None
                names = opened.keys()
                return Saved({name: opened.get_tensor(name) for name in names}, json.loads(about["rest"]))
        except (SafetensorError, ValueError, KeyError):
            return None


def pack_optimiser(optimiser: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Its memory: tensors by "<number of the weight>.<name>", and the counts among them."""
    states = optimiser.state_dict()["state"].items()
    values = {f"{number}.{name}": value for number, state in states for name, value in state.items()}
    tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    return tensors, {name: value for name, value in values.items() if name not in tensors}


def unpack_optimiser(
    optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor], counts: Mapping[str, int]
) -> None:
    """Gives it back what ``pack_optimiser`` took."""
    state: dict[int, dict[str, Any]] = {}
    for path, value in {**tensors, **counts}.items():
        number, _, name = path.partition(".")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})

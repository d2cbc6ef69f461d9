"""The answers of models in memory, float32. Models that stand on the same backbone share its work.

Night after night a new head stands on the backbone of the one in production: then each golden photo goes through it
once for both.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from training.ml.contract import InputContract, ManifestPhoto, Progress
from training.ml.engine import Engine, open_engine
from training.ml.networks import Network
from training.ml.photos import read_batches
from training.ml.saved import SavedModel

Read = Callable[[InputContract], Iterable[Tensor]]  # batches of the network's input, uint8 (n, 3, size, size)


class Panel:
    """Models that answer the same photos, each prepared by the model's own contract."""

    def __init__(self, models: Sequence[SavedModel], *, photos: int, threads: int) -> None:
        """``photos`` is about how many each shall answer in all: it decides what computes them."""
        self.models, self._photos, self._threads = list(models), photos, threads
        self._networks = [model.network for model in models]
        self._group = [self._first_alike(place) for place in range(len(models))]
        self._engines: dict[int, Engine] = {}

    def answer(
        self, read: Read, total: int, progress: Progress, message: str, *, only: Sequence[int] | None = None
    ) -> list[Tensor]:
        """Probabilities (total, labels) of each model, or of those at the places ``only``, in that order."""
        asked = range(len(self._networks)) if only is None else only
        found: dict[int, Tensor] = {}
        groups = sorted({self._group[place] for place in asked})
        for number, group in enumerate(groups):
            parts: dict[int, list[Tensor]] = {place: [] for place in asked if self._group[place] == group}
            heads = {place: self._networks[place].head_rows() for place in parts}
            done = number * total
            for pixels in read(self._networks[group].contract):
                features = self._engine(group)(pixels)
                for place, (weight, bias) in heads.items():
                    parts[place].append((features @ weight.T + bias).softmax(1))
                done += len(pixels)
                progress.report(done, total * len(groups), message)
            found |= {place: torch.cat(part) for place, part in parts.items()}
        return [found[place] for place in asked]

    def _engine(self, group: int) -> Engine:
        if group not in self._engines:
            self._engines[group] = open_engine(self._networks[group], photos=self._photos, threads=self._threads)
        return self._engines[group]

    def _first_alike(self, place: int) -> int:
        """The first model with the same features of the same photos as the one at ``place``."""
        return next(n for n in range(place + 1) if _have_same_features(self._networks[n], self._networks[place]))


def predict(
    panel: Panel, folder: Path, photos: Sequence[ManifestPhoto], progress: Progress,
    *, antialias: bool | None = None, message: str = "golden photos", only: Sequence[int] | None = None,
) -> list[Tensor]:  # fmt: skip
    """As ``Panel.answer``, of photos in a folder."""

    def read(contract: InputContract) -> Iterable[Tensor]:
        return (pixels for _, pixels in read_batches(folder, photos, contract, antialias=antialias))

    return panel.answer(read, len(photos), progress, message, only=only)


def _have_same_features(one: Network, other: Network) -> bool:
    if (one.arch, one.contract) != (other.arch, other.contract):
        return False
    ours, theirs = one.backbone.state_dict(), other.backbone.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())

"""The answers of models in memory, float32, to golden photos looked at in several ways.

What costs is the backbone, so its work is shared: by models that stand on the same one, as a new head and the one in
production do night after night, and by nights. Features of a pretrained backbone are kept in packs, one a look: a
night computes those of new golden photos only, and a head then takes no time. Every answer is computed from features
rounded to float16, as training's are, so that tonight's and last month's are the same.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from training.ml.contract import ManifestPhoto, Progress, RunSpec
from training.ml.engine import Engine, open_engine
from training.ml.looks import Look
from training.ml.networks import Network, have_same_features
from training.ml.packs import features_key
from training.ml.saved import SavedModel
from training.ml.stored import complete
from training.ml.workspace import Work


class Panel:
    """Models that answer the same photos, each prepared by the model's own contract."""

    def __init__(self, models: Sequence[SavedModel], spec: RunSpec, work: Work, out: Path, progress: Progress) -> None:
        """Packs of earlier nights are read from ``WORK/features``; those of what is new are written into ``out``."""
        self.models, self._spec, self._work, self._out, self._progress = list(models), spec, work, out, progress
        self._group = [self._first_alike(place) for place in range(len(models))]
        self._kept = {group: self._key_of(self.models[group].network) for group in set(self._group)}
        self._engines: dict[int, Engine] = {}

    def answer(self, look: Look, photos: Sequence[ManifestPhoto], *, only: Sequence[int] | None = None) -> list[Tensor]:
        """Probabilities (photos x views, labels) of each model, or of those at the places ``only``, in that order."""
        asked = range(len(self.models)) if only is None else only
        found: dict[int, Tensor] = {}
        for group in sorted({self._group[place] for place in asked}):
            features = self.features(group, look, photos)
            for place in asked:
                if self._group[place] == group:
                    weight, bias = self.models[place].network.head_rows()
                    found[place] = (features @ weight.T + bias).softmax(1)
        return [found[place] for place in asked]

    def features(self, place: int, look: Look, photos: Sequence[ManifestPhoto]) -> Tensor:
        """What the head of the model at that place is shown: float32 (photos x views, n), known or computed now.

        Raises ``ValueError`` where the look has been taken before, of other photos.
        """
        group = self._group[place]
        backbone, width = self._kept[group], self.models[group].network.feature_count
        if backbone is None:
            return torch.cat(list(self._compute(group, look, photos)))
        key = features_key(backbone, self._spec.input.to_json(), look.view)
        rows, _ = complete(
            [self._work.folder / "features", self._out], photos,
            key=key, width=width * look.of_each, path=self._out / f"{look.name}.safetensors",
            compute=lambda missing: (part.half().numpy() for part in self._compute(group, look, missing)),
        )  # fmt: skip
        return torch.from_numpy(rows).view(-1, width)

    def beside(self, model: SavedModel) -> "Panel":
        """A panel of that model alone, which shares what is known."""
        return Panel([model], self._spec, self._work, self._out, self._progress)

    def _compute(self, group: int, look: Look, photos: Sequence[ManifestPhoto]) -> Iterator[Tensor]:
        """Float32 (some, n), rounded to float16, in the views' order."""
        total, done = look.of_each * len(photos), 0
        if group not in self._engines:
            self._engines[group] = open_engine(self.models[group].network, photos=total, threads=self._spec.threads)
        for pixels in look.read(self._work.photos, photos, self.models[group].contract):
            yield self._engines[group](pixels).half().float()
            done += len(pixels)
            self._progress.report(done, total, look.message)

    def _key_of(self, network: Network) -> str | None:
        """The digest of the night's pretrained backbone, if the network stands on it; other features are not kept."""
        started = self._work.result("start")["backbone"]
        if started is None or (network.arch, network.contract) != (started["arch"], self._spec.input):
            return None
        state = {name: tensor.contiguous() for name, tensor in network.backbone.state_dict().items()}
        digest: str = started["sha256"]
        return digest if hashlib.sha256(save(state)).hexdigest() == digest else None

    def _first_alike(self, place: int) -> int:
        """The first model with the same features of the same photos as the one at ``place``."""
        networks = [model.network for model in self.models]
        return next(n for n in range(place + 1) if have_same_features(networks[n], networks[place]))

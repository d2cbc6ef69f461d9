"""The lines without pretrained weights: a whole network at few pixels, for as many steps in every line."""

from copy import deepcopy
from dataclasses import replace
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.strategies.data import BATCH, Digits, quiet
from training.ml import train
from training.ml.contract import InputContract
from training.ml.networks import Network
from training.ml.pace import Pace

SIZE, STEPS = 64, 250


class _Remembering(train.Averaged):
    """Keeps the last step's network beside the averaged one."""

    last: nn.Module

    def keep_average(self) -> None:
        """As it was before the average took its place."""
        type(self).last = deepcopy(self.network).eval()
        super().keep_average()


def scratch(digits: Digits, fold: int) -> dict[str, Tensor]:
    """From random weights: the last step's, and their running mean, from one run."""
    small = _shrink(digits)
    train_places, judged = digits.split(fold)
    network = _learn(digits, small, train_places)
    return {
        "scratch": _answer(_Remembering.last, small[judged]),
        "scratch-averaged": _answer(network, small[judged]),
    }


def scratch_warm(digits: Digits, fold: int) -> dict[str, Tensor]:
    """On from an earlier night's model, which learned from half of the volunteers."""
    small = _shrink(digits)
    train_places, judged = digits.split(fold)
    earlier = _learn(digits, small, digits.earlier(train_places))
    _learn(digits, small, train_places, on=earlier)
    return {"scratch-warm": _answer(_Remembering.last, small[judged])}


def _shrink(digits: Digits) -> Tensor:
    shrunk = functional.interpolate(digits.pixels.float(), size=(SIZE, SIZE), mode="area")
    return shrunk.round().to(torch.uint8)


def _learn(digits: Digits, photos: Tensor, places: Tensor, on: Network | None = None) -> Network:
    spec = replace(digits.spec, input=InputContract.of_size(SIZE), pretrained="scratch")
    torch.manual_seed(spec.seed)
    network = on or Network(spec.arch, spec.input, len(spec.labels))
    data = train.TrainData(photos[places], digits.targets[places], photos[:0], digits.targets[:0])
    with (
        patch("training.ml.train.Pace", lambda *_, **__: Pace(1e9, STEPS, STEPS)),
        patch("training.ml.train.Averaged", _Remembering),
    ):
        train.train_network(network, data=data, spec=spec, progress=quiet(), warm=on is not None)
    return network


def _answer(network: nn.Module, photos: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat([network(part.float()) for part in torch.split(photos, BATCH)])

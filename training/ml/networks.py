"""The networks a phone can run: a backbone of ``architectures``, tapped at several depths, a linear head on the taps.

Every tap is average-pooled: the earlier ones to one value a channel, the last one to a 2 x 2 grid, which keeps a
little of where things are. On the sign-language digits a head alone over these taps reached 98.9% (five folds,
C = 0.1), over the mean of the last stage alone 95.1%.

The head is one convolution a tap, of the tap's own pooled size, and the results are added. That is the same as one
linear layer over all pooled values, but needs no reshape or transpose in any converter, and each tap's weights get an
8-bit scale of their own.

The network takes RGB 0-255; mean and std are its first operation, because folding them into a zero-padded convolution
would change the borders.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from training.ml.architectures import ARCHITECTURES, build_backbone
from training.ml.contract import InputContract

GRID = 2  # of the last tap


class Network(nn.Module):
    """Photos in, logits out. ``image`` is float (N, 3, size, size), RGB 0-255; the logits are (N, labels)."""

    mean: Tensor
    std: Tensor

    def __init__(self, arch: str, contract: InputContract, label_count: int) -> None:
        super().__init__()
        self.arch, self.contract = arch, contract
        self.register_buffer("mean", torch.tensor(contract.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(contract.std).view(1, 3, 1, 1), persistent=False)
        self.backbone = build_backbone(arch)
        self.taps = ARCHITECTURES[arch].taps
        self.shapes = _tap_shapes(self.backbone, self.taps, contract.size)
        self.pools = nn.ModuleList(_pool(side, grid) for _, side, grid in self.shapes)
        self.head = nn.ModuleList(
            nn.Conv2d(channels, label_count, grid, bias=index == 0)
            for index, (channels, _, grid) in enumerate(self.shapes)
        )

    @property
    def feature_count(self) -> int:
        """How many pooled values the head sees."""
        return sum(self.tap_sizes)

    @property
    def tap_sizes(self) -> list[int]:
        """How many of them belong to each tap."""
        return [channels * grid * grid for channels, _, grid in self.shapes]

    def tapped(self, image: Tensor) -> list[Tensor]:
        """The pooled taps, each (N, channels, grid, grid)."""
        x = (image - self.mean) / self.std
        found: list[Tensor] = []
        for index, module in enumerate(self.backbone):
            x = module(x)
            if index in self.taps:
                found.append(self.pools[len(found)](x))
            if index == self.taps[-1]:
                break
        return found

    def features(self, image: Tensor) -> Tensor:
        """All pooled values side by side, (N, ``feature_count``), in the order ``set_head`` expects."""
        return torch.cat([tap.flatten(1) for tap in self.tapped(image)], dim=1)

    def forward(self, image: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor | None = None
        for tap, layer in zip(self.tapped(image), self.head, strict=True):
            part = layer(tap)
            logits = part if logits is None else logits + part
        if logits is None:  # a network without taps cannot be built
            raise RuntimeError(self.arch)
        return logits.flatten(1)

    def set_head(self, weight: Tensor, bias: Tensor) -> None:
        """Takes a linear head over ``features``: weight (labels, ``feature_count``), bias (labels)."""
        start = 0
        with torch.no_grad():
            for layer, (channels, _, grid) in zip(self.head, self.shapes, strict=True):
                count = channels * grid * grid
                part = weight[:, start : start + count].reshape(-1, channels, grid, grid)
                _weight(layer).copy_(part)
                start += count
            _bias(self.head[0]).copy_(bias)

    def head_rows(self) -> tuple[Tensor, Tensor]:
        """The head as one linear layer: what ``set_head`` takes."""
        with torch.no_grad():
            weight = torch.cat([_weight(layer).flatten(1) for layer in self.head], dim=1)
            return weight.clone(), _bias(self.head[0]).clone()


class WithSoftmax(nn.Module):
    """What is exported: the same network, answering probabilities (N, labels)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Probabilities that add up to one."""
        return functional.softmax(self.network(image), dim=1)


def have_same_features(one: Network, other: Network) -> bool:
    """Whether both heads are shown the same of the same photos."""
    if (one.arch, one.contract) != (other.arch, other.contract):
        return False
    ours, theirs = one.backbone.state_dict(), other.backbone.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def ready_to_export(network: Network) -> WithSoftmax:
    """A copy for the converters: float32, evaluation mode, batch norms folded into the convolutions before them.

    Folded once, here, so that every format carries the same weights.
    """
    copied = Network(network.arch, network.contract, _weight(network.head[0]).shape[0])
    copied.load_state_dict(network.state_dict())
    copied.eval()
    _fold(copied.backbone)
    return WithSoftmax(copied).eval()


def answers(probabilities: Tensor, slugs: Sequence[str]) -> list[str]:
    """The most probable label of each row."""
    return [slugs[index] for index in probabilities.argmax(1).tolist()]


def _fold(module: nn.Module) -> None:
    for (name, child), (next_name, following) in pairwise([*module.named_children(), ("", nn.Identity())]):
        if isinstance(child, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(child, following))
            setattr(module, next_name, nn.Identity())
        else:
            _fold(child)


def _tap_shapes(backbone: nn.Sequential, taps: Sequence[int], size: int) -> list[tuple[int, int, int]]:
    """(channels, side, grid) of each tap for photos of ``size``."""
    shapes = []
    training = backbone.training
    with torch.inference_mode():
        x = torch.zeros(1, 3, size, size)
        for index, module in enumerate(backbone.eval()):
            x = module(x)
            if index in taps:
                side = x.shape[-1]
                shapes.append((x.shape[1], side, min(GRID, side) if index == taps[-1] else 1))
    backbone.train(training)
    return shapes


def _pool(side: int, grid: int) -> nn.Module:
    """An adaptive average pool from ``side`` to ``grid``, its kernel written out: converters know no adaptive one."""
    return nn.AvgPool2d(kernel_size=-(-side // grid), stride=max(side // grid, 1))


def _weight(layer: nn.Module) -> Tensor:
    weight = layer.weight
    if not isinstance(weight, Tensor):
        raise TypeError(type(layer))
    return weight


def _bias(layer: nn.Module) -> Tensor:
    bias = layer.bias
    if not isinstance(bias, Tensor):
        raise TypeError(type(layer))
    return bias

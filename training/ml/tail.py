"""A network cut in two: what lies below the cut stays as it is, what lies above it learns on.

Below, a photo comes to the same values each time, so they are computed once and kept; an epoch then costs only the
blocks above.
"""

import torch
from torch import Tensor, nn

from training.ml.networks import Network

LAST = -3  # the last blocks begin after this tap: at least two blocks of every network


def after_tap(network: Network, tap: int) -> int:
    """The number of the first block that has weights after the tap ``tap``: where the last blocks begin."""
    cut = network.taps[tap] + 1
    while not list(network.backbone[cut].parameters()):
        cut += 1
    return cut


def below(network: Network, cut: int, image: Tensor) -> tuple[Tensor, Tensor]:
    """What the blocks before ``cut`` make of ``image`` (n, 3, size, size), 0-255.

    Returns the activations (n, channels, side, side) and the pooled taps so far, side by side (n, values).
    """
    x = (image - network.mean) / network.std
    lower = [x.new_empty(len(x), 0)]
    for index, module in enumerate(list(network.backbone)[:cut]):
        x = module(x)
        if index in network.taps:
            lower.append(network.pools[len(lower) - 1](x).flatten(1))
    return x, torch.cat(lower, dim=1)


class Tail(nn.Module):
    """The blocks of ``network`` from ``cut`` on, and its whole head. They are the network's own: it learns too."""

    def __init__(self, network: Network, cut: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*list(network.backbone)[cut:])
        self.pools, self.head = network.pools, network.head
        self.cut = cut
        self._taps = {tap - cut for tap in network.taps if tap >= cut}
        self._lower = [shape for shape, tap in zip(network.shapes, network.taps, strict=True) if tap < cut]

    def forward(self, x: Tensor, lower: Tensor) -> Tensor:
        """The logits (n, labels) of what ``below`` returned."""
        taps = self._tapped(x, lower)
        return torch.stack([layer(tap) for tap, layer in zip(taps, self.head, strict=True)]).sum(0).flatten(1)

    def features(self, x: Tensor, lower: Tensor) -> Tensor:
        """All pooled values side by side, as ``Network.features`` has them."""
        return torch.cat([tap.flatten(1) for tap in self._tapped(x, lower)], dim=1)

    def _tapped(self, x: Tensor, lower: Tensor) -> list[Tensor]:
        sizes = [channels * grid * grid for channels, _, grid in self._lower]
        taps = [
            part.reshape(-1, channels, grid, grid)
            for part, (channels, _, grid) in zip(torch.split(lower, sizes, dim=1), self._lower, strict=True)
        ]
        for index, module in enumerate(list(self.blocks)[: max(self._taps) + 1]):
            x = module(x)
            if index in self._taps:
                taps.append(self.pools[len(taps)](x))
        return taps

"""The backbones there are: for each name how torchvision builds it, where it is tapped, if ImageNet weights exist.

A name is torchvision's own. Where a width is part of it, its point is written ``_``, as torchvision writes it:
``mobilenet_v2_0_5`` is MobileNetV2 with half the channels (its ``width_mult``), ``mnasnet0_5`` the same for MnasNet.
The other multiplier, the resolution, is the input contract's ``size``.

SqueezeNet is arXiv 1602.07360, MobileNetV2 1801.04381, MobileNetV3 1905.02244 and MnasNet, as torchvision has it the B1
without squeeze-and-excite, 1807.11626.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from training.ml import torchvision_door
from training.ml.contract import ARCHES

Build = Callable[[], nn.Module]


@dataclass(frozen=True, slots=True)
class Architecture:
    """One backbone. ``taps`` are the modules of its feature part after which it is tapped."""

    build: Build  # the whole network of torchvision, with random weights
    taps: tuple[int, ...]
    part: str = "features"  # what torchvision calls the feature part, in the network and in files of its weights
    imagenet: bool = True  # whether torchvision publishes weights


def _torchvision(name: str, **options: Any) -> Build:
    return partial(_build, name, **options)


def _build(name: str, **options: Any) -> nn.Module:
    network: nn.Module = getattr(torchvision_door.models(), name)(weights=None, **options)
    return network


# Tapped at the ends of a backbone's resolutions, at its top, and for SqueezeNet once more near the top.
_SQUEEZENET_1_0, _SQUEEZENET_1_1 = (5, 8, 10, 12), (4, 7, 10, 12)
_V2 = (6, 13, 17, 18)
_V3_SMALL, _V3_LARGE = (3, 8, 11, 12), (6, 12, 15, 16)
_MNASNET = (9, 11, 13, 16)

ARCHITECTURES: Mapping[str, Architecture] = {
    "squeezenet1_0": Architecture(_torchvision("squeezenet1_0"), _SQUEEZENET_1_0),
    "squeezenet1_1": Architecture(_torchvision("squeezenet1_1"), _SQUEEZENET_1_1),
    "mobilenet_v2": Architecture(_torchvision("mobilenet_v2"), _V2),
    "mobilenet_v2_0_35": Architecture(_torchvision("mobilenet_v2", width_mult=0.35), _V2, imagenet=False),
    "mobilenet_v2_0_5": Architecture(_torchvision("mobilenet_v2", width_mult=0.5), _V2, imagenet=False),
    "mobilenet_v2_0_75": Architecture(_torchvision("mobilenet_v2", width_mult=0.75), _V2, imagenet=False),
    "mobilenet_v2_1_4": Architecture(_torchvision("mobilenet_v2", width_mult=1.4), _V2, imagenet=False),
    "mobilenet_v3_small": Architecture(_torchvision("mobilenet_v3_small"), _V3_SMALL),
    "mobilenet_v3_large": Architecture(_torchvision("mobilenet_v3_large"), _V3_LARGE),
    "mnasnet0_5": Architecture(_torchvision("mnasnet0_5"), _MNASNET, part="layers"),
    "mnasnet0_75": Architecture(_torchvision("mnasnet0_75"), _MNASNET, part="layers"),
    "mnasnet1_0": Architecture(_torchvision("mnasnet1_0"), _MNASNET, part="layers"),
    "mnasnet1_3": Architecture(_torchvision("mnasnet1_3"), _MNASNET, part="layers"),
}


def build_backbone(arch: str) -> nn.Sequential:
    """The feature part of a network with random weights, without its 1000-class end. Raises ``ValueError``."""
    if arch not in ARCHES:
        raise ValueError(f"{arch!r} is not one of {', '.join(ARCHES)}")
    known = ARCHITECTURES[arch]
    features: nn.Sequential = getattr(known.build(), known.part)
    return features

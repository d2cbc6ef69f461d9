"""The ways photos that judge are looked at: as an app does, as a careless one does, and by a hand that shakes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from training.ml import shake
from training.ml.contract import InputContract, ManifestPhoto, RunSpec, features_key
from training.ml.photos import read_pixels


@dataclass(frozen=True, slots=True)
class Look:
    """A way of looking at photos: ``of_each`` views of every photo in turn, as batches of the network's input.

    ``read`` gives uint8 (n, 3, size, size) for photos of a folder. ``view`` says all that it depends on besides: what
    features are kept under has it. ``name`` is that of the file.
    """

    name: str
    view: str
    of_each: int
    read: Callable[[Path, Sequence[ManifestPhoto], InputContract], Iterable[Tensor]]
    message: str


AS_APPS_DO = Look("golden", "golden", 1, read_pixels, "golden photos")
CARELESSLY = Look(
    "careless", "without antialiasing", 1, partial(read_pixels, antialias=False),
    "golden photos, shrunk without antialiasing",
)  # fmt: skip
UNLABELLED = Look("unlabelled", "unlabelled", 1, read_pixels, "photos that show no label")


def shaken(seed: int) -> Look:
    """``shake.VIEWS`` looks at each photo, the same ones for the same seed."""
    by = shake.Shake()
    return Look(
        "shaken", f"{shake.VIEWS} views, seed {seed}, {by}", shake.VIEWS,
        partial(shake.read_views, seed=seed, by=by), "golden photos, shaken",
    )  # fmt: skip


def keys(spec: RunSpec, backbone: str) -> list[str]:
    """What the features of photos that judge are kept under, each look in turn."""
    looks = (AS_APPS_DO, CARELESSLY, shaken(spec.seed), UNLABELLED)
    return [features_key(backbone, spec.input.to_json(), look.view) for look in looks]

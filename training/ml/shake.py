"""How often an answer flips though nobody moved on purpose: golden photos, seen again by a hand that shakes a little.

Phones look at video: the same thing is seen many times a second, never twice alike. Each photo is moved, turned, zoomed
and lit as far as that happens within one second, before the contract's resize and crop, and answered again. What lies
beyond the photo's edge is its mirror image, as in training: nobody photographed it, and a black rim would be a thing
that no camera makes. A view's numbers hang on the seed and the photo's bytes alone, so that the same photo is shaken
alike every night and for every model, whatever other photos there are.
"""

import hashlib
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from training.ml.contract import InputContract, ManifestPhoto
from training.ml.photos import BATCH, Pixels, prepare, read_photo

VIEWS = 4  # of each photo
SAMPLE = 500  # photos at most: their share of flips is then known to about two points, and the cost is bounded
FINE = 2  # times the input's size: from here on half a pixel of the photo is at most a quarter of the input's


@dataclass(frozen=True, slots=True)
class Shake:
    """What a hand and the light do within one second, at most and to either side; in each view anything up to that."""

    shift: float = 0.02  # of the photo's short side, along each axis
    roll: float = 2.0  # degrees
    zoom: float = 1.03  # nearer or farther by up to this factor
    light: float = 0.04  # share brighter or darker


@dataclass(frozen=True, slots=True)
class View:
    """One look at a photo: shares of its short side to the right and down, degrees, and two factors."""

    right: float
    down: float
    roll: float
    zoom: float
    light: float


def count_flips(photos: Sequence[ManifestPhoto], found: Sequence[str], untouched: Sequence[str]) -> dict[str, Any]:
    """Shares of photos and of views whose answer is not the photo's ``untouched``, and the accuracy over all views.

    ``found`` are the answers to ``VIEWS`` looks at each photo in turn. ``accuracy_untouched`` is that of the same
    photos: ``SAMPLE`` of the golden ones are looked at, not all.
    """
    flips, hits = [], 0
    for at, (photo, calm) in enumerate(zip(photos, untouched, strict=True)):
        seen = found[VIEWS * at : VIEWS * (at + 1)]
        flips.append(sum(answer != calm for answer in seen))
        hits += sum(answer == photo.label for answer in seen)
    hits_untouched = sum(calm == photo.label for photo, calm in zip(photos, untouched, strict=True))
    return {
        "photos": len(photos),
        "views_of_each": VIEWS,
        "photos_flipped": round(sum(map(bool, flips)) / len(photos), 6),
        "views_flipped": round(sum(flips) / len(found), 6),
        "accuracy": round(hits / len(found), 6),
        "accuracy_untouched": round(hits_untouched / len(photos), 6),
    }


def sample(photos: Sequence[ManifestPhoto], seed: int) -> list[int]:
    """The places of at most ``SAMPLE`` photos. By a hash of each, so that a new photo displaces at most one other."""
    lots = {place: hashlib.sha256(f"{seed} {photo.sha256}".encode()).digest() for place, photo in enumerate(photos)}
    return sorted(sorted(lots, key=lots.__getitem__)[:SAMPLE])


def draw_views(photo: ManifestPhoto, seed: int, shake: Shake) -> list[View]:
    """The ``VIEWS`` looks at a photo: the same ones for the same bytes and seed."""
    dice = random.Random(f"{seed} {photo.sha256}")  # noqa: S311 -- to be repeated, not to be secret

    def upto(most: float) -> float:
        return most * dice.uniform(-1, 1)

    return [
        View(
            right=upto(shake.shift),
            down=upto(shake.shift),
            roll=upto(shake.roll),
            zoom=math.exp(upto(math.log(shake.zoom))),
            light=1 + upto(shake.light),
        )
        for _ in range(VIEWS)
    ]


def see(image: Image.Image, views: Sequence[View], contract: InputContract) -> Iterator[Pixels]:
    """The network's input for each look, (size, size, 3) uint8; a look that changes nothing is ``prepare``'s own."""
    rim = max(_overhang(image.size, view) for view in views)
    wide = Image.fromarray(np.pad(np.asarray(image), ((rim, rim), (rim, rim), (0, 0)), mode="symmetric"))
    # Bicubic, since bilinear blurs small photos, and flips by that what no shake would. On a large one it costs four
    # times as much as decoding; there the nearest pixel does, since the shrinking that follows averages over several.
    is_fine = min(image.size) >= FINE * contract.resize.short_side
    pick = Image.Resampling.NEAREST if is_fine else Image.Resampling.BICUBIC
    for view in views:
        moved = wide.transform(image.size, Image.Transform.AFFINE, _source(image.size, view, rim), pick)
        # Light last: as a factor it may trade places with the resize, and the input has far fewer pixels.
        lit = np.rint(prepare(moved, contract) * np.float32(view.light))
        yield lit.clip(0, 255).astype(np.uint8)


def _source(size: tuple[int, int], view: View, rim: int = 0) -> tuple[float, ...]:
    """Pillow's six numbers: where in the photo, with ``rim`` more pixels on each side, a point of the view lies."""
    x, y, side = size[0] / 2, size[1] / 2, min(size)
    cos = math.cos(math.radians(view.roll)) / view.zoom
    sin = math.sin(math.radians(view.roll)) / view.zoom
    left = x + view.right * side + rim - (cos * x - sin * y)
    top = y + view.down * side + rim - (sin * x + cos * y)
    return cos, -sin, left, sin, cos, top


def _overhang(size: tuple[int, int], view: View) -> int:
    """Pixels by which the view looks over the photo's edge at its worst corner, and one for the filter."""
    a, b, left, c, d, top = _source(size, view)
    corners = [(x, y) for x in (0, size[0]) for y in (0, size[1])]
    across = [a * x + b * y + left for x, y in corners]
    along = [c * x + d * y + top for x, y in corners]
    return math.ceil(max(-min(across), max(across) - size[0], -min(along), max(along) - size[1], 0.0)) + 1


def read_views(
    folder: Path, photos: Sequence[ManifestPhoto], contract: InputContract, *, seed: int, by: Shake
) -> Iterator[Tensor]:
    """All looks at each photo in turn, as ``read_batches`` gives photos; each photo is decoded once."""
    step = BATCH // VIEWS
    for start in range(0, len(photos), step):
        seen = [
            pixels
            for photo in photos[start : start + step]
            for pixels in see(read_photo(folder, photo), draw_views(photo, seed, by), contract)
        ]
        yield torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2)

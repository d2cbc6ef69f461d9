"""What learning looks at again and again, computed once into a mapped file: memory stays free to learn in."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training.ml.augment import augment
from training.ml.contract import CaptureProfile, ManifestPhoto, Progress
from training.ml.lesson import Draw
from training.ml.networks import Network
from training.ml.photos import read_batches
from training.ml.tail import below


@dataclass(frozen=True, slots=True)
class Kept:
    """What lies below the cut: activations float16 (n, channels, side, side), pooled taps float16 (n, values)."""

    activations: Tensor
    lower: Tensor

    def draw(self, rows: Tensor) -> Draw:
        """Of the photos ``rows`` (int64), by their place among them."""

        def drawn(chosen: Tensor, _done: float) -> tuple[Tensor, ...]:
            places = rows[chosen.cpu()]
            return tuple(part[places].to(chosen.device).float() for part in (self.activations, self.lower))

        return drawn


def draw_photos(network: Network, pixels: Tensor, rows: Tensor, profile: CaptureProfile | None, seed: int) -> Draw:
    """For a network that learns from its first block on: the photos ``rows``, changed as the camera might have."""
    mean, std, dice = network.mean.clone(), network.std.clone(), torch.Generator().manual_seed(seed)

    def drawn(chosen: Tensor, _done: float) -> tuple[Tensor, ...]:
        photos = pixels[rows[chosen.cpu()]]
        photos = photos.float() if profile is None else augment(photos, profile, dice)
        shown = ((photos - mean.cpu()) / std.cpu()).to(chosen.device)
        return shown, shown.new_empty(len(shown), 0)

    return drawn


def keep_activations(
    network: Network, cut: int, folder: Path, photos: Sequence[ManifestPhoto], *, scratch: Path, progress: Progress
) -> Kept:
    """What lies below ``cut`` of every photo, in a file in ``scratch``."""
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs forget it
    size = network.contract.size
    with torch.inference_mode():
        shape = below(network, cut, torch.zeros(1, 3, size, size))[0].shape[1:]
    activations = _mapped(scratch, (len(photos), *shape), torch.float16)
    lower: list[Tensor] = []
    done = 0
    for part, pixels in read_batches(folder, photos, network.contract):
        with torch.inference_mode():
            x, taps = below(network, cut, pixels.float())
        activations[done : done + len(part)] = x
        lower.append(taps.half())
        done += len(part)
        progress.report(done, len(photos), "photos up to the blocks that learn")
    return Kept(activations, torch.cat(lower))


def keep_pixels(
    network: Network, folder: Path, photos: Sequence[ManifestPhoto], *, scratch: Path, progress: Progress
) -> Tensor:
    """The photos as uint8 (n, 3, size, size), channels last, in a file in ``scratch``."""
    size = network.contract.size
    pixels = _mapped(scratch, (len(photos), size, size, 3), torch.uint8).permute(0, 3, 1, 2)
    done = 0
    for part, batch in read_batches(folder, photos, network.contract):
        pixels[done : done + len(part)] = batch
        done += len(part)
        progress.report(done, len(photos), "photos decoded")
    return pixels


def _mapped(scratch: Path, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    count = int(torch.Size(shape).numel())
    with (scratch / "kept").open("wb") as file:  # now: a mapped page that finds the disk full would kill us unheard
        os.posix_fallocate(file.fileno(), 0, max(1, count * dtype.itemsize))
    return torch.from_file(str(scratch / "kept"), shared=True, size=count, dtype=dtype).view(shape)

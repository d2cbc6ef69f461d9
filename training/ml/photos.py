"""From a photo on disk to the network's input. The one implementation of the input contract in training and judging.

Short side to ``short_side`` with Pillow's antialiased bilinear filter over the whole photo, the long side rounded half
up; then the middle square, with the odd pixel left over on the right or below. A loader that is given other bytes than
the manifest names refuses them: what reviewers saw is what is trained.
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from training.ml.contract import InputContract, ManifestPhoto, Problem, a_problem
from training.ml.problems import PhotosMissingError

if TYPE_CHECKING:
    from torch import Tensor

Pixels = npt.NDArray[np.uint8]
BATCH = 32  # photos at once: about 20 MB of input at 224 px; larger was no faster on two cores
MAX_PIXELS = 50_000_000  # the same limit as at the door
FORMATS = ("JPEG", "PNG", "WEBP")


def read_photo(folder: Path, photo: ManifestPhoto) -> Image.Image:
    """The photo, upright, RGB. Raises ``ProblemsFoundError``: missing, not the manifest's bytes, not readable."""
    path = folder / f"{photo.sha256}.jpg"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        what = f"The bytes of photo {photo.photo} are missing"
        raise PhotosMissingError([Problem(what, str(path), "every photo of the manifest")]) from None
    found = hashlib.sha256(data).hexdigest()
    if found != photo.sha256:
        raise a_problem(
            f"The bytes of photo {photo.photo} are not those that were reviewed", f"sha256 {found}",
            f"sha256 {photo.sha256}", "Fetch the photo again, or leave it out of the manifest.",
        )  # fmt: skip
    try:
        return decode(data)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise a_problem(
            f"Photo {photo.photo} cannot be read", error, f"{', '.join(FORMATS)} up to {MAX_PIXELS:,} pixels",
            "Reject the photo in review.",
        ) from error  # fmt: skip


def decode(data: bytes) -> Image.Image:
    """An upright RGB image. Raises what Pillow raises, ``ValueError`` over ``MAX_PIXELS``."""
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels")
    return ImageOps.exif_transpose(image).convert("RGB")


def prepare(image: Image.Image, contract: InputContract, *, antialias: bool | None = None) -> Pixels:
    """The network's input, (size, size, 3) uint8, by the contract; ``antialias`` overrides it."""
    smooth = contract.resize.antialias if antialias is None else antialias
    width, height = _scaled(image.width, image.height, contract.resize.short_side)
    if smooth or width >= image.width:  # enlarging is the same either way
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    else:
        steps = (image.width / width, 0.0, 0.0, 0.0, image.height / height, 0.0)
        image = image.transform((width, height), Image.Transform.AFFINE, steps, Image.Resampling.BILINEAR)
    left, top = (width - contract.size) // 2, (height - contract.size) // 2
    return np.asarray(image.crop((left, top, left + contract.size, top + contract.size)))


def read_batches(
    folder: Path, photos: Sequence[ManifestPhoto], contract: InputContract, *, antialias: bool | None = None
) -> Iterator[tuple[Sequence[ManifestPhoto], "Tensor"]]:
    """As ``read_arrays``, for PyTorch and with its number of threads."""
    import torch  # only here: not every stage needs it, and it takes seconds to load

    for part, pixels in read_arrays(folder, photos, contract, threads=torch.get_num_threads(), antialias=antialias):
        yield part, torch.from_numpy(pixels)


def read_arrays(
    folder: Path,
    photos: Sequence[ManifestPhoto],
    contract: InputContract,
    *,
    threads: int,
    antialias: bool | None = None,
) -> Iterator[tuple[Sequence[ManifestPhoto], Pixels]]:
    """Photos in order, ``BATCH`` at a time, as uint8 (n, 3, size, size) laid out channels last. Bounded memory.

    Threads decode the next batch while the caller works on this one; nothing depends on how many they are.
    """

    def read(photo: ManifestPhoto) -> Pixels:
        return prepare(read_photo(folder, photo), contract, antialias=antialias)

    decoders = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    ahead = [decoders.submit(read, photo) for photo in photos[:BATCH]]
    try:
        for start in range(0, len(photos), BATCH):
            end = start + BATCH
            decoded, ahead = ahead, [decoders.submit(read, photo) for photo in photos[end : end + BATCH]]
            yield photos[start:end], np.stack([photo.result() for photo in decoded]).transpose(0, 3, 1, 2)
    finally:
        decoders.shutdown(cancel_futures=True)  # the caller may have stopped half-way


def read_pixels(
    folder: Path, photos: Sequence[ManifestPhoto], contract: InputContract, *, antialias: bool | None = None
) -> "Iterator[Tensor]":
    """As ``read_batches``, without saying which photos they are."""
    return (pixels for _, pixels in read_batches(folder, photos, contract, antialias=antialias))


def shrunk_photos(folder: Path, photos: Sequence[ManifestPhoto], contract: InputContract) -> list[int]:
    """The places of photos larger than the contract's short side: only for them can antialiasing matter."""
    found = []
    for place, photo in enumerate(photos):
        with Image.open(folder / f"{photo.sha256}.jpg", formats=FORMATS) as image:
            if min(image.size) > contract.resize.short_side:
                found.append(place)
    return found


def _scaled(width: int, height: int, short_side: int) -> tuple[int, int]:
    short = min(width, height)
    # Whole numbers only: every phone comes to the same size.
    return (2 * width * short_side + short) // (2 * short), (2 * height * short_side + short) // (2 * short)

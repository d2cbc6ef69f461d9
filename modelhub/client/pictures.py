"""From a photo to the model's input, by the signed input contract: upright, sRGB, short side, middle square, 0-255.

Whole numbers only, as docs/protocol.md spells out, so that every phone cuts the same square.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

from modelhub.client.faults import Refused, WrongCall

Tensor = npt.NDArray[Any]
MAX_PIXELS = 50_000_000
DTYPES = ("float32", "uint8")
LAYOUTS = ("NHWC", "NCHW")


def prepare(photo: Path, contract: Mapping[str, Any], tensor_input: Mapping[str, Any]) -> Tensor:
    """A batch of one, shaped and typed as ``tensor_input`` says. Raises WrongCall (photo) or Refused (contract)."""
    size = _check_contract(contract, tensor_input)
    square = cut(read_photo(photo), size, contract["resize"])
    pixels = np.asarray(square, dtype=tensor_input["dtype"])[np.newaxis]
    return pixels if tensor_input["layout"] == "NHWC" else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def read_photo(path: Path) -> Image.Image:
    """Upright sRGB. Raises WrongCall."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise WrongCall(
                    f"{path} has {image.width} x {image.height} pixels; at most {MAX_PIXELS:,} are allowed."
                )
            return _as_srgb(ImageOps.exif_transpose(image))
    except FileNotFoundError as error:
        raise WrongCall(f"There is no photo {path}.") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise WrongCall(f"{path} cannot be read as a photo ({error}); allowed are JPEG, PNG and WebP.") from error


def cut(image: Image.Image, size: int, resize: Mapping[str, Any]) -> Image.Image:
    """Short side to ``short_side``, the long one in proportion, rounded half up; then the middle square."""
    short, short_side = min(image.size), int(resize["short_side"])
    width, height = ((2 * side * short_side + short) // (2 * short) for side in image.size)
    if resize["antialias"] or width >= image.width:  # enlarging is the same either way
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    else:
        steps = (image.width / width, 0.0, 0.0, 0.0, image.height / height, 0.0)
        image = image.transform((width, height), Image.Transform.AFFINE, steps, Image.Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))


def _as_srgb(image: Image.Image) -> Image.Image:
    """Cameras write wide-gamut profiles; the model learnt from sRGB."""
    image.load()
    profile = image.info.get("icc_profile")
    if profile and image.mode in {"RGB", "L", "CMYK"}:
        try:
            theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, theirs, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (OSError, ImageCms.PyCMSError):  # a broken profile: take the numbers as they are, as viewers do
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGB")


def _check_contract(contract: Mapping[str, Any], tensor_input: Mapping[str, Any]) -> int:
    """The side of the square, once every rule is one that this client can follow. Raises Refused."""
    resize = contract.get("resize", {})
    known = {
        "orientation": (contract.get("orientation"), ("upright",)),
        "colour": (contract.get("colour"), ("sRGB",)),
        "channels": (contract.get("channels"), ("RGB",)),
        "range": (contract.get("range"), ([0, 255],)),
        "resize.mode": (resize.get("mode"), ("short_side_then_center_crop",)),
        "resize.filter": (resize.get("filter"), ("bilinear",)),
        "resize.antialias": (resize.get("antialias"), (True, False)),
        "normalise.where": (contract.get("normalise", {}).get("where"), ("in_graph",)),
        "tensor_input.dtype": (tensor_input.get("dtype"), DTYPES),
        "tensor_input.layout": (tensor_input.get("layout"), LAYOUTS),
    }
    for name, (value, allowed) in known.items():
        if value not in allowed:
            raise Refused(f"The input contract's {name} is {value!r}; this client knows {allowed}: update the app.")
    size, short_side = contract.get("size"), resize.get("short_side")
    if not (isinstance(size, int) and isinstance(short_side, int) and 0 < size <= short_side):
        raise Refused(f"The input contract's size is {size!r} after a short side of {short_side!r}.")
    return size

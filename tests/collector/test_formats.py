"""What cameras and programs write besides plain 8-bit RGB: the colours that come out, not only that something does."""

import io
import struct
from typing import Any

import pillow_heif
import pytest
from PIL import Image

from collector.normaliser import pixels
from tests.collector import hostile
from tests.collector.conftest import encode

Colour = tuple[int, int, int]
RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)
INKS: dict[tuple[int, int, int, int], Colour] = {  # cyan, magenta, yellow, black: what they look like on paper
    (0, 0, 0, 0): WHITE,
    (255, 0, 0, 0): (0, 255, 255),
    (0, 255, 0, 0): (255, 0, 255),
    (0, 0, 255, 0): (255, 255, 0),
    (0, 255, 255, 0): RED,
    (0, 0, 0, 255): BLACK,
    (0, 0, 0, 128): (127, 127, 127),
}


def seen(data: bytes, at: tuple[int, int] = (32, 32)) -> Colour:
    """The colour of one point of the normalised photo."""
    image = Image.open(io.BytesIO(pixels.normalise(data).jpeg))
    colour = image.getpixel(at)
    assert isinstance(colour, tuple)
    return colour[0], colour[1], colour[2]


def is_near(colour: Colour, wanted: Colour, within: int = 6) -> bool:
    return all(abs(a - b) <= within for a, b in zip(colour, wanted, strict=True))


# --- CMYK ----------------------------------------------------------------------------------------------------------
def app14(data: bytes, transform: int) -> bytes:
    """The same JPEG with Adobe's marker saying that its four channels are CMYK (0) or YCCK (2)."""
    at = data.index(b"Adobe")
    return data[: at + 11] + bytes([transform]) + data[at + 12 :]


def ycck(cyan: int, magenta: int, yellow: int, black: int) -> bytes:
    """A JPEG as print programs write it: the inks as if they were RGB, turned into YCbCr, and black inverted."""
    y, cb, cr = Image.new("RGB", (1, 1), (cyan, magenta, yellow)).convert("YCbCr").getpixel((0, 0))  # type: ignore[misc]  # typed for any mode of pixel
    # Pillow inverts what it writes, so it is given the inverse of what shall be in the file.
    stored = (255 - y, 255 - cb, 255 - cr, black)
    return app14(encode(Image.new("CMYK", (64, 64), stored), quality=95), 2)


@pytest.mark.parametrize(("inks", "wanted"), INKS.items(), ids=str)
def test_cmyk_of_adobes_kind_has_the_colours_of_its_inks(inks: tuple[int, int, int, int], wanted: Colour) -> None:
    data = encode(Image.new("CMYK", (64, 64), inks), quality=95)
    assert b"Adobe" in data  # which says that the file holds the inverse
    assert is_near(seen(data), wanted)


@pytest.mark.parametrize(("inks", "wanted"), INKS.items(), ids=str)
def test_ycck_has_the_colours_of_its_inks(inks: tuple[int, int, int, int], wanted: Colour) -> None:
    data = ycck(*inks)
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    assert is_near(seen(data), wanted)


def test_large_cmyk_is_shrunk_with_its_colours() -> None:
    image = Image.new("CMYK", (3600, 2400), (0, 255, 255, 0))
    assert is_near(seen(encode(image, quality=90), (800, 500)), RED)


# --- 16 bits -------------------------------------------------------------------------------------------------------
def png16(colour: int, *samples: int, chunks: tuple[bytes, ...] = ()) -> bytes:
    """A PNG of 64 x 64 equal pixels, 16 bits a sample. ``colour``: 0 grey, 2 RGB, 4 grey + alpha, 6 RGB + alpha."""
    row = b"\0" + struct.pack(f">{len(samples)}H", *samples) * 64
    return hostile.png(64, 64, *chunks, data=row * 64, depth=16, colour=colour)


@pytest.mark.parametrize("grey", [0, 1_000, 12_850, 32_896, 51_400, 65_535])
def test_16_bit_grey_keeps_its_grey(grey: int) -> None:
    wanted = round(grey / 257)
    assert is_near(seen(png16(0, grey)), (wanted, wanted, wanted), within=2)


def test_16_bit_rgb_keeps_its_colour() -> None:
    assert is_near(seen(png16(2, 60_000, 30_000, 10_000)), (233, 117, 39))


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (png16(4, 20_000, 65_535), (78, 78, 78)),
        (png16(4, 20_000, 0), WHITE),
        (png16(6, 65_535, 0, 0, 65_535), RED),
        (png16(6, 65_535, 0, 0, 0), WHITE),
        (png16(6, 65_535, 0, 0, 32_768), (255, 127, 127)),
        (png16(2, 65_535, 0, 0, chunks=(hostile.chunk(b"tRNS", struct.pack(">3H", 65_535, 0, 0)),)), WHITE),
        (png16(2, 65_535, 0, 0, chunks=(hostile.chunk(b"tRNS", struct.pack(">3H", 0, 0, 9)),)), RED),
        (png16(0, 20_000, chunks=(hostile.chunk(b"tRNS", struct.pack(">H", 20_000)),)), WHITE),
        (png16(0, 20_000, chunks=(hostile.chunk(b"tRNS", struct.pack(">H", 20_001)),)), (78, 78, 78)),
    ],
    ids=[
        "grey",
        "clear grey",
        "red",
        "clear red",
        "half red",
        "key is red",
        "key is not red",
        "key is grey",
        "key is not",
    ],
)
def test_16_bit_transparency_lies_on_white(data: bytes, wanted: Colour) -> None:
    assert is_near(seen(data), wanted)


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_heic_keeps_its_colour(bits: int) -> None:
    samples = struct.pack("<3H", 60_000, 30_000, 10_000) * (64 * 64)
    file = pillow_heif.from_bytes("RGB;16", (64, 64), samples)
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    out = io.BytesIO()
    file.save(out, quality=95)
    pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    assert is_near(seen(out.getvalue()), (233, 117, 39), within=10)


# --- palettes and transparency -------------------------------------------------------------------------------------
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_of_any_depth_keeps_its_colours(bits: int) -> None:
    image = Image.new("P", (64, 64), 1)
    image.putpalette([0, 0, 0, 233, 117, 39])
    assert is_near(seen(encode(image, "PNG", bits=bits)), (233, 117, 39))


@pytest.mark.parametrize(("alpha", "wanted"), [(b"\xff\xff", RED), (b"\xff\0", WHITE), (b"\xff\x80", (255, 127, 127))])
def test_palette_with_transparency_lies_on_white(alpha: bytes, wanted: Colour) -> None:
    image = Image.new("P", (64, 64), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    assert is_near(seen(encode(image, "PNG", transparency=alpha)), wanted)


@pytest.mark.parametrize(("name", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("HEIF", {"quality": 100})])
@pytest.mark.parametrize(("alpha", "wanted"), [(255, RED), (0, WHITE), (128, (255, 127, 127))])
def test_transparency_lies_on_white(name: str, options: dict[str, Any], alpha: int, wanted: Colour) -> None:
    data = encode(Image.new("RGBA", (64, 64), (255, 0, 0, alpha)), name, **options)
    assert is_near(seen(data), wanted, within=8)


def test_grey_with_transparency_lies_on_white() -> None:
    assert is_near(seen(encode(Image.new("LA", (64, 64), (78, 0)), "PNG")), WHITE)
    assert is_near(seen(encode(Image.new("L", (64, 64), 78), "PNG", transparency=78)), WHITE)

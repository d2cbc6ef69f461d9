"""What a photo becomes: upright, sRGB, small, and without a trace of where it came from."""

import io
import struct
import time
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from collector.normaliser import pixels
from collector.normaliser.frames import Unreadable
from tests.collector.conftest import draw, encode

INVERSE = {**pixels.TURNS, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
WAYS = [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True}), ("HEIF", {"quality": 95})]


def normalise(data: bytes) -> Image.Image:
    made = pixels.normalise(data)
    image = Image.open(io.BytesIO(made.jpeg))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (made.width, made.height))
    return image


def is_close(image: Image.Image, wanted: Image.Image, within: int = 12) -> bool:
    """The middle of each quarter has the same colour."""
    assert image.size == wanted.size
    width, height = image.size
    points = [(width * x // 4, height * y // 4) for x in (1, 3) for y in (1, 3)]
    pairs = [(image.getpixel(point), wanted.convert("RGB").getpixel(point)) for point in points]
    return all(abs(a - b) <= within for got, want in pairs for a, b in zip(got, want, strict=True))  # type: ignore[arg-type]  # typed for any mode of pixel


# --- upright -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(("name", "options"), WAYS, ids=[way[0] for way in WAYS])
def test_photo_is_turned_upright(name: str, options: dict[str, object], turn: int) -> None:
    upright = draw(3, (96, 64))
    stored = upright.transpose(INVERSE[turn]) if turn in INVERSE else upright
    exif = Image.Exif()
    exif[0x0112] = turn
    assert is_close(normalise(encode(stored, name, exif=exif.tobytes(), **options)), upright)


def test_broken_exif_is_no_reason_to_refuse() -> None:
    assert is_close(normalise(encode(draw(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken")), draw())


# --- modes ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "PA", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = draw(3).convert(mode)
    name = "JPEG" if mode in {"CMYK", "YCbCr"} else "PNG"
    if mode == "PA":
        image = draw(3).convert("P")
        data = encode(image, name, transparency=bytes([255] * 256))
    else:
        data = encode(image, name)
    wanted = Image.open(io.BytesIO(data)).convert("RGBA" if "A" in mode else "RGB").convert("RGB")
    assert is_close(normalise(data), wanted, within=40)


def test_16_bit_grey_keeps_its_greys() -> None:
    ramp = Image.frombytes("I;16", (256, 16), b"".join(struct.pack("<H", x * 257) for x in range(256)) * 16)
    made = normalise(encode(ramp, "PNG")).convert("L")
    assert all(abs(int(made.getpixel((x, 8))) - x) <= 2 for x in range(0, 256, 5))  # type: ignore[arg-type]  # typed for any mode of pixel


def test_transparency_becomes_white() -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 32, 64))
    made = normalise(encode(image, "PNG"))
    assert made.getpixel((48, 32)) == (255, 255, 255)
    red = made.getpixel((10, 32))
    assert isinstance(red, tuple)
    assert red[0] > 240
    assert red[1] < 15


def test_first_frame_of_a_phones_mpo_is_the_photo() -> None:
    data = encode(draw(1), "MPO", save_all=True, append_images=[draw(2), draw(4)])
    assert Image.open(io.BytesIO(data)).format == "MPO"
    assert is_close(normalise(data), draw(1))


def test_first_frame_of_an_animation_is_the_photo() -> None:
    for name in ("PNG", "WEBP"):
        assert is_close(normalise(encode(draw(1), name, save_all=True, append_images=[draw(2)])), draw(1))


# --- colour --------------------------------------------------------------------------------------------------------
def swapped_profile() -> bytes:
    """An RGB profile in which red is what others call blue, and the other way round."""

    def xyz(x: float, y: float, z: float) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in (x, y, z)))

    gamma = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    red, green, blue = xyz(0.4361, 0.2225, 0.0139), xyz(0.3851, 0.7169, 0.0971), xyz(0.1431, 0.0606, 0.7141)
    tags = {b"desc": text, b"wtpt": xyz(0.9642, 1, 0.8249), b"rXYZ": blue, b"gXYZ": green, b"bXYZ": red}
    tags |= {b"rTRC": gamma, b"gTRC": gamma, b"bTRC": gamma, b"cprt": b"text\0\0\0\0none\0"}
    offset, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        value = content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, offset + len(body), len(value))
        body += value
    header = struct.pack(">I4sI4s4s4s", offset + len(body), b"\0\0\0\0", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body


@pytest.mark.parametrize(("name", "options"), WAYS, ids=[way[0] for way in WAYS])
def test_colours_follow_the_embedded_profile(name: str, options: dict[str, object]) -> None:
    red = Image.new("RGB", (64, 64), (255, 0, 0))
    seen = normalise(encode(red, name, icc_profile=swapped_profile(), **options)).getpixel((32, 32))
    assert isinstance(seen, tuple)
    assert seen[2] > 235
    assert max(seen[:2]) < 40


def test_broken_profile_is_no_reason_to_refuse() -> None:
    assert is_close(normalise(encode(draw(), icc_profile=b"not a profile")), draw())
    grey_in_rgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert is_close(normalise(encode(draw(), icc_profile=grey_in_rgb)), draw())


# --- size ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("size", "wanted", "small"),
    [((4000, 1000), (1600, 400), (320, 80)), ((900, 3200), (450, 1600), (90, 320)), ((64, 48), (64, 48), (64, 48))],
)
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_long_side_is_at_most_1600(
    name: str, size: tuple[int, int], wanted: tuple[int, int], small: tuple[int, int]
) -> None:
    made = pixels.normalise(encode(draw(1, size), name))
    assert (made.width, made.height) == wanted
    thumbnail = Image.open(io.BytesIO(made.thumbnail))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", small)


def test_same_bytes_always_become_the_same_bytes() -> None:
    data = encode(draw(1, (3000, 2000)))
    assert pixels.normalise(data) == pixels.normalise(data)


# --- nothing else survives -----------------------------------------------------------------------------------------
def segments(jpeg: bytes) -> set[str]:
    """The markers of a JPEG up to its pixels, and whether anything follows its end."""
    found, at = set(), 2
    while jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        found.add(f"{jpeg[at + 1]:02x}")
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return found | ({"after the end"} if not jpeg.endswith(b"\xff\xd9") else set())


def test_no_metadata_survives() -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET maker"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 12.0)
    secrets: dict[str, Any] = {
        "comment": b"SECRET <script>",
        "xmp": b"<x>SECRET</x>",
        "icc_profile": swapped_profile() + b"SECRET",
    }
    text = PngInfo()
    text.add_text("Author", "SECRET")
    polyglot = encode(draw(), exif=exif, **secrets) + b"<html>SECRET</html>"
    for data in (
        polyglot,
        encode(draw(), "PNG", exif=exif, pnginfo=text),
        encode(draw(), "WEBP", exif=exif, xmp=b"SECRET"),
    ):
        assert b"SECRET" in data
        made = pixels.normalise(data)
        for jpeg in (made.jpeg, made.thumbnail):
            assert b"SECRET" not in jpeg
            assert segments(jpeg) == {"e0", "db", "c0", "c4"}  # JFIF, tables, frame: nothing but pixels
            assert not Image.open(io.BytesIO(jpeg)).getexif()


# --- refused -------------------------------------------------------------------------------------------------------
def cut(name: str, keep: float, **options: object) -> bytes:
    data = encode(Image.effect_noise((320, 240), 90).convert("RGB"), name, **options)
    return data[: int(len(data) * keep)]


def broken_png() -> bytes:
    data = bytearray(encode(draw(1, (320, 240)), "PNG"))
    data[data.index(b"IDAT") + 40] ^= 0xFF
    return bytes(data)


DAMAGED = {
    "JPEG cut": cut("JPEG", 0.6),
    "JPEG without its end": cut("JPEG", 1)[:-60],
    "progressive JPEG cut": cut("JPEG", 0.6, progressive=True),
    "PNG cut": cut("PNG", 0.6),
    "PNG without IEND": cut("PNG", 1)[:-12],
    "PNG with a wrong checksum": broken_png(),
    "WebP cut": cut("WEBP", 0.6),
    "HEIC cut": cut("HEIF", 0.6),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_photo_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable, match=r"^The photo is cut off or damaged \(.+\)\.$"):
        pixels.normalise(data)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a" * 9, b"<svg/>", encode(draw(), "TIFF")])
def test_other_formats_are_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable, match="not a JPEG, PNG, WebP or HEIC file"):
        pixels.normalise(data)


def png_bomb(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(9_000_000)))
        + chunk(b"IEND", b"")
    )


def text_bomb() -> bytes:
    text = PngInfo()
    text.add_text("boom", "x" * 80_000_000, zip=True)
    return encode(draw(), "PNG", pnginfo=text)


BOMBS = {
    "60-megapixel JPEG": encode(Image.new("L", (10_000, 6_000))),
    "PNG of 4 gigapixels": png_bomb(65_000, 65_000),
    "PNG as long as can be": png_bomb(2**31 - 1, 1),
    "60-megapixel WebP": encode(Image.new("RGB", (10_000, 6_000)), "WEBP", lossless=True, quality=0, method=0),
    "text that unpacks to 80 MB": text_bomb(),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS.keys())
def test_bomb_is_refused_from_its_header(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(Unreadable):
        pixels.normalise(data)
    assert time.process_time() - started < 0.5


# --- looks ---------------------------------------------------------------------------------------------------------
def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_look_hash_is_near_for_near_duplicates_and_far_for_others() -> None:
    image, other = (Image.effect_noise((12, 9), 90).resize((800, 600)).convert("RGB") for _ in range(2))
    first = pixels.look_hash(image)
    assert len(first) == 64
    again = Image.open(io.BytesIO(encode(image.resize((400, 300)), quality=40)))
    assert distance(first, pixels.look_hash(again)) <= 12
    assert distance(first, pixels.look_hash(image.point(lambda v: v * 0.8))) <= 24
    assert distance(first, pixels.look_hash(other)) >= 64

"""Files that mean harm, or were harmed: made from a seed, so that every run meets the same ones.

Each is called by what was done to it. What reaches a decoder at all must begin as a photo does, and so do these.
"""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.collector.conftest import draw, encode

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 85},
    "PNG": {},
    "WEBP": {"quality": 80},
    "HEIF": {"quality": 60},
    "MPO": {"save_all": True, "append_images": [draw(5, (96, 64))]},
}


def whole(name: str, size: tuple[int, int] = (96, 64), **more: Any) -> bytes:
    """A good photo, to be harmed."""
    return encode(draw(3, size), name, **{**FORMATS[name], **more})


def corpus(seed: int = 2026, flips: int = 60, cuts: int = 8) -> Iterator[tuple[str, bytes]]:
    """Names and files, the same for the same seed."""
    dice = random.Random(seed)
    for name in FORMATS:
        data = whole(name)
        yield from ((f"{name} cut at {at}", data[:at]) for at in sorted(dice.sample(range(12, len(data)), cuts)))
        yield from ((f"{name} with flips {n}", _flip(data, dice)) for n in range(flips))
        yield f"{name} with a tail of noise", data + dice.randbytes(50_000)
        yield f"{name} with a hole", data[: len(data) // 2] + bytes(2000) + data[len(data) // 2 :]
        yield f"{name} twice", data + data
        yield f"{name} that is also a zip", data + _zip()
        yield f"{name} that is also a page", data + b"<html><script src=//198.51.100.1/x.js></script>"
    yield from ((name, make()) for name, make in SPECIAL.items())


def _flip(data: bytes, dice: random.Random) -> bytes:
    """A few bytes changed; a PNG's checksums are mended, else they would catch it all."""
    harmed = bytearray(data)
    for _ in range(dice.choice([1, 3, 12])):
        harmed[dice.randrange(12, len(harmed))] ^= 1 << dice.randrange(8)
    return _mend(bytes(harmed)) if data.startswith(PNG_MAGIC) else bytes(harmed)


def _mend(png: bytes) -> bytes:
    out, at = [PNG_MAGIC], 8
    while at + 12 <= len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if at + 12 + length > len(png):
            break
        out.append(chunk(png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(out) + png[at:]


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("../../etc/cron.d/x"), "* * * * * root id")  # without the clock
        archive.writestr(zipfile.ZipInfo("bomb"), bytes(200_000))
    return out.getvalue()


# --- pieces of formats ---------------------------------------------------------------------------------------------
def chunk(name: bytes, body: bytes) -> bytes:
    """A PNG chunk with the right checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *chunks: bytes, data: bytes = b"", depth: int = 8, colour: int = 2) -> bytes:
    """A PNG that claims to be so large, with what is given."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return PNG_MAGIC + header + b"".join(chunks) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def claiming(data: bytes, width: int, height: int) -> bytes:
    """A JPEG whose frame header claims another size."""
    at = next(at for at in range(2, len(data)) if data[at : at + 2] in {b"\xff\xc0", b"\xff\xc2"})
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def heif_claiming(width: int, height: int) -> bytes:
    """A HEIC whose properties claim another size."""
    data = whole("HEIF")
    at = data.index(b"ispe")
    return data[: at + 8] + struct.pack(">II", width, height) + data[at + 16 :]


def box(name: bytes, body: bytes, length: int | None = None) -> bytes:
    """An ISO box, if need be with a length that is not true."""
    return struct.pack(">I", 8 + len(body) if length is None else length) + name + body


FTYP = box(b"ftyp", b"heic\0\0\0\0mif1heic")


def _jpeg_with(*segments: bytes) -> bytes:
    data = whole("JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def _segment(marker: int, body: bytes, length: int | None = None) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body) if length is None else length) + body


def _many_scans() -> bytes:
    data = whole("JPEG", (640, 480), progressive=True)
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * 400 + data[-2:]


def _animation(name: str) -> bytes:
    frames = [draw(seed, (64, 48)) for seed in range(300)]
    return encode(frames[0], name, save_all=True, append_images=frames[1:])


def _looping_exif() -> bytes:
    """An IFD that names itself as the next one, and a thumbnail longer than the file."""
    entry = struct.pack("<HHII", 0x0112, 3, 1, 6)
    pointers = struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHII", 0x8825, 4, 1, 8)
    thumbnail = struct.pack("<HHII", 0x0201, 4, 1, 8) + struct.pack("<HHII", 0x0202, 4, 1, 2**32 - 1)
    ifd = struct.pack("<H", 5) + entry + pointers + thumbnail + struct.pack("<I", 8)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + ifd


def _text(megabytes: int) -> PngInfo:
    text = PngInfo()
    for number in range(8):
        text.add_text(f"t{number}", "x" * (megabytes * 125_000), zip=True)
    return text


def _nested_boxes(depth: int) -> bytes:
    body = b""
    for _ in range(depth):
        body = box(b"meta", b"\0\0\0\0" + body)
    return FTYP + body


def _webp(*parts: tuple[bytes, bytes, int | None]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(data) if size is None else size) + data + b"\0" * (len(data) % 2)
        for name, data, size in parts
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _vp8x(width: int, height: int, flags: int = 0) -> bytes:
    return struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


JPEG_HEAD = b"\xff\xd8\xff\xe0"
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://198.51.100.1/x"/></svg>'
SPECIAL: dict[str, Callable[[], bytes]] = {
    # sizes that are not true
    "JPEG that claims 65,500 x 65,500": lambda: claiming(whole("JPEG"), 65_500, 65_500),
    "JPEG that claims nothing": lambda: claiming(whole("JPEG"), 0, 0),
    "JPEG that claims 7,000 x 7,000": lambda: claiming(whole("JPEG"), 7_000, 7_000),
    "PNG that claims 2 gigapixels": lambda: png(65_000, 32_000, data=bytes(1000)),
    "PNG one pixel high and as long as can be": lambda: png(2**31 - 1, 1),
    "PNG of no width": lambda: png(0, 10),
    "PNG that claims 7,000 x 7,000 and has a line": lambda: png(7_000, 7_000, data=bytes(21_001)),
    "PNG with more pixels than it claims": lambda: png(8, 8, data=bytes(40_000_000)),
    "PNG of a kind that does not exist": lambda: png(8, 8, depth=3, colour=5, data=bytes(400)),
    "HEIC that claims 60,000 x 60,000": lambda: heif_claiming(60_000, 60_000),
    "HEIC that claims nothing": lambda: heif_claiming(0, 0),
    "HEIC that claims 7,000 x 7,000": lambda: heif_claiming(7_000, 7_000),
    "WebP that claims 16,383 x 16,383": lambda: _webp((b"VP8X", _vp8x(16_383, 16_383), None)),
    # chunks, segments and boxes that are not what they say
    "PNG with a profile that unpacks to 90 MB": lambda: png(
        8, 8, chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(90_000_000))), data=bytes(200)
    ),
    "PNG with texts that unpack to 64 MB": lambda: encode(draw(), "PNG", pnginfo=_text(64)),
    "PNG with 20,000 chunks": lambda: png(8, 8, *[chunk(b"tEXt", b"a\0b")] * 20_000, data=bytes(200)),
    "PNG with a chunk longer than the file": lambda: png(8, 8) + struct.pack(">I", 2**31 - 1) + b"IDAT",
    "PNG with an EXIF that loops": lambda: png(8, 8, chunk(b"eXIf", _looping_exif()[6:]), data=bytes(200)),
    "JPEG with an EXIF that loops": lambda: _jpeg_with(_segment(0xE1, _looping_exif())),
    "JPEG with a segment longer than the file": lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0", 65_535)),
    "JPEG with a segment of no length": lambda: _jpeg_with(_segment(0xE1, b"", 0)),
    "JPEG with 5,000 segments": lambda: _jpeg_with(*[_segment(0xFE, b"x" * 100)] * 5_000),
    "JPEG with a profile in 255 parts of which one is there": lambda: _jpeg_with(
        _segment(0xE2, b"ICC_PROFILE\0\x01\xff" + bytes(500))
    ),
    "JPEG with a multi-picture index of nonsense": lambda: _jpeg_with(
        _segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff" + bytes(300))
    ),
    "JPEG with 400 scans": _many_scans,
    "JPEG of nothing but a head": lambda: JPEG_HEAD,
    "JPEG with 3 MB of filling": lambda: b"\xff\xd8" + b"\xff" * 3_000_000 + whole("JPEG")[2:],
    "HEIC of nothing but a head": lambda: FTYP,
    "HEIC of 2,000 boxes in each other": lambda: _nested_boxes(2_000),
    "HEIC with a box of no length": lambda: FTYP + box(b"meta", bytes(40), 0),
    "HEIC with a box of 4 GB": lambda: FTYP + box(b"meta", bytes(40), 2**32 - 1),
    "HEIC with a million items": lambda: (
        FTYP + box(b"meta", b"\0\0\0\0" + box(b"iinf", b"\x01\0\0\0" + struct.pack(">I", 1_000_000) + bytes(99)))
    ),
    "WebP with a chunk longer than the file": lambda: _webp((b"VP8 ", bytes(40), 2**32 - 1)),
    "WebP with nothing in it": _webp,
    "WebP with an animation of no frame": lambda: _webp((b"VP8X", _vp8x(64, 64, 2), None), (b"ANIM", bytes(6), None)),
    "PNG of 300 frames": lambda: _animation("PNG"),
    "WebP of 300 frames": lambda: _animation("WEBP"),
    # something else in a photo's clothes
    "GIF behind a JPEG's head": lambda: JPEG_HEAD + encode(draw(), "GIF"),
    "TIFF behind a JPEG's head": lambda: JPEG_HEAD + encode(draw(), "TIFF"),
    "BMP behind a PNG's head": lambda: PNG_MAGIC + encode(draw(), "BMP"),
    "PostScript behind a JPEG's head": lambda: JPEG_HEAD + POSTSCRIPT,
    "SVG behind a PNG's head": lambda: PNG_MAGIC + SVG,
    "web page in a JPEG's comment": lambda: whole("JPEG", comment=b"<script>fetch('//198.51.100.1')</script>"),
    "zip behind a JPEG's head": lambda: JPEG_HEAD + _zip(),
    "AVIF under a HEIC's name": lambda: FTYP + box(b"meta", bytes(4)) + b"ftypavif" * 50,
    "ELF behind a WebP's head": lambda: b"RIFF\x40\0\0\0WEBP\x7fELF" + bytes(99),
    "noise behind a JPEG's head": lambda: JPEG_HEAD + random.Random(1).randbytes(100_000),
    "noise behind a HEIC's head": lambda: FTYP + random.Random(2).randbytes(100_000),
    "noise behind a WebP's head": lambda: b"RIFF\0\0\x10\0WEBPVP8 " + random.Random(3).randbytes(100_000),
    "JPEG in a JPEG's EXIF": lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0" + whole("JPEG"))),
    "16-bit PNG of one colour that is all transparent": lambda: png(
        64, 64, chunk(b"tRNS", struct.pack(">HHH", 65535, 0, 0)), data=(b"\0" + b"\xff\xff\0\0\0\0" * 64) * 64, depth=16
    ),
    "palette without a palette": lambda: png(8, 8, colour=3, data=bytes(100)),
    "palette of one colour and pixels of others": lambda: png(
        8, 8, chunk(b"PLTE", b"abc"), colour=3, data=b"\0\1\2\3\4\5\6\7\10" * 8
    ),
}


def disguised() -> dict[str, bytes]:
    """What is no photo and does not look like one either: refused before anything opens it."""
    image = Image.new("RGB", (8, 8))
    others = {name: encode(image, name) for name in ("GIF", "TIFF", "BMP", "ICO", "PPM", "TGA", "JPEG2000", "PDF")}
    pages = {"PostScript": POSTSCRIPT, "SVG": SVG, "web page": b"<!doctype html><script>", "zip": _zip()}
    return {**others, **pages, "ELF": b"\x7fELF" + bytes(99), "AVIF": box(b"ftyp", b"avif\0\0\0\0avifmif1") + bytes(99)}

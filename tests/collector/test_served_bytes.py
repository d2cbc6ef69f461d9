"""What leaves the server holds nothing but pixels: searched over HTTP for what was planted, in each format and turn."""

import io
import json
import struct
import uuid
import zlib
from contextlib import suppress
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from collector.domain import normalising
from tests.collector.conftest import Phone, draw, encode
from tests.collector.test_pixels import INVERSE, is_close, segments, swapped_profile

pytestmark = pytest.mark.django_db
SECRET = b"SECRET-52.5163N-13.3777E"
PIXELS_ONLY = {"e0", "db", "c0", "c4"}  # JFIF, tables, frame
FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95},
    "MPO": {"quality": 95, "save_all": True},
    "PNG": {},
    "WEBP": {"lossless": True},
    "HEIF": {"quality": 95},
}


def exif(turn: int) -> bytes:
    """Orientation, maker, owner, place, a maker note, and a thumbnail that is a photo of its own."""
    thumbnail = encode(draw(7, (32, 24)), comment=SECRET)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0xA430] = turn, SECRET.decode(), SECRET.decode()
    exif.get_ifd(0x8769)[0x927C] = SECRET * 3
    exif.get_ifd(0x8825)[0x1D] = SECRET.decode()
    data = bytearray(exif.tobytes())
    # Pillow writes no second directory: hang one with the thumbnail behind the first.
    tiff, order = 6, "<" if data[6:8] == b"II" else ">"
    first = tiff + struct.unpack_from(f"{order}I", data, tiff + 4)[0]
    entries = struct.unpack_from(f"{order}H", data, first)[0]
    at = len(data) - tiff
    struct.pack_into(f"{order}I", data, first + 2 + 12 * entries, at)
    second = struct.pack(f"{order}HHHIIHHIII", 2, 0x0201, 4, 1, at + 30, 0x0202, 4, 1, len(thumbnail), 0)
    return bytes(data) + second + thumbnail


def planted(name: str, turn: int) -> bytes:
    """A photo that is upright after its turn, with the secret wherever its format has room."""
    upright = draw(3, (96, 64))
    stored = upright.transpose(INVERSE[turn]) if turn in INVERSE else upright
    options = {**FORMATS[name], "exif": exif(turn), "icc_profile": swapped_profile() + SECRET}
    if name in {"JPEG", "MPO", "WEBP", "HEIF"}:
        options["xmp"] = b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
    if name in {"JPEG", "MPO"}:
        options["comment"] = SECRET
    if name == "MPO":
        options["append_images"] = [draw(9, (96, 64))]
    if name == "PNG":
        text = PngInfo()
        text.add_text("Author", SECRET.decode())
        text.add_itxt("XML:com.adobe.xmp", SECRET.decode(), zip=True)
        options["pnginfo"] = text
    return encode(stored, name, **options) + SECRET


def fetch(phone: Phone, photo_id: uuid.UUID) -> list[bytes]:
    """The normalised photo and the thumbnail, as their owner gets them."""
    urls = json.loads(phone.get(photo_id).content)["urls"]
    answers = [phone.client.get(urls[kind], headers=phone.headers) for kind in ("normalised", "thumbnail")]
    assert [answer.status_code for answer in answers] == [200, 200]
    return [answer.getvalue() for answer in answers]


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", FORMATS)
def test_served_bytes_hold_nothing_but_upright_pixels(alice: Phone, name: str, turn: int) -> None:
    data, photo_id = planted(name, turn), uuid.uuid4()
    assert alice.put(data, photo_id).status_code == 201
    assert normalising.normalise_photo(photo_id)
    swapped = Image.merge("RGB", draw(3, (96, 64)).split()[::-1])  # as the planted profile sees it
    for served in fetch(alice, photo_id):
        assert b"SECRET" not in served
        assert segments(served) == PIXELS_ONLY
        image = Image.open(io.BytesIO(served))
        assert not image.getexif()
        assert not {"icc_profile", "comment", "xmp", "exif", "mp"} & set(image.info)
        assert is_close(image, swapped, within=40)


@pytest.mark.parametrize("name", FORMATS)
def test_secret_is_planted_where_it_can_be(name: str) -> None:
    data = planted(name, 6)
    unpacked = b"".join(_inflated(data))
    assert (data + unpacked).count(SECRET) >= 6
    image = Image.open(io.BytesIO(data))
    assert image.getexif().get_ifd(0x8825)[0x1D] == SECRET.decode()
    assert image.getexif()[0x0112] == (1 if name == "HEIF" else 6)  # pillow-heif turns while it opens
    assert SECRET in image.info["icc_profile"]


def _inflated(data: bytes) -> list[bytes]:
    """What is packed in a PNG's chunks."""
    found, at = [], 0
    while (at := data.find(b"\x78", at)) >= 0:
        with suppress(zlib.error):
            found.append(zlib.decompressobj().decompress(data[at:]))
        at += 1
    return found

"""Bytes of a photo in, clean pixels out. Runs inside the sandbox only; a verdict is raised as Unreadable."""

import dataclasses
import hashlib
import io

import pillow_heif
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageFile, MpoImagePlugin, UnidentifiedImageError

from collector.normaliser import measures
from collector.normaliser.frames import Unreadable

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")  # a phone's MPO opens as JPEG; its first frame is the photo
MAX_PIXELS = 50_000_000
LONG_SIDE = 1600
THUMBNAIL_SIDE = 320
QUALITY = 92
THUMBNAIL_QUALITY = 80
HASH_SIDE = 16  # 16 x 16 comparisons: 256 bits

Image.MAX_IMAGE_PIXELS = None  # we look at the size ourselves, before anything is decoded, and can then say it
ImageFile.LOAD_TRUNCATED_IMAGES = False
MpoImagePlugin.MpoImageFile  # noqa: B018 -- Pillow would import it late, when files are out of reach
pillow_heif.register_heif_opener(thumbnails=False)
pillow_heif.options.DECODE_THREADS = 1
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # EXIF orientation: how to make it upright
SRGB = ImageCms.createProfile("sRGB")


@dataclasses.dataclass(frozen=True)
class Pixels:
    """What is left of a photo: its pixels as JPEG, a thumbnail, how it looks as 256 bits in hex and as 64, numbers."""

    jpeg: bytes
    thumbnail: bytes
    sha256: str
    width: int
    height: int
    look_hash: str
    look64: int | None
    measurements: dict[str, float]


def normalise(data: bytes) -> Pixels:
    """Upright, sRGB, long side at most 1600 pixels, rebuilt from raw pixels. Raises Unreadable.

    A MemoryError is left to end the child: the parent tries once more in a fresh one before it blames the photo.
    """
    try:
        image, original = _shrink(_open(data))
        image = _rebuild(_to_srgb(image))
    except (Unreadable, MemoryError):
        raise
    except Exception as error:
        # Decoders raise whatever they like: a cut-off HEIC a ValueError, a broken PNG a SyntaxError.
        raise Unreadable(f"The photo is cut off or damaged ({_short(error)}).") from error
    jpeg = _jpeg(image, QUALITY)
    grey = image.convert("L")
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return Pixels(
        jpeg=jpeg,
        thumbnail=_jpeg(small, THUMBNAIL_QUALITY),
        sha256=hashlib.sha256(jpeg).hexdigest(),
        width=image.width,
        height=image.height,
        look_hash=look_hash(grey),
        look64=measures.look64(grey),
        measurements=measures.measure(grey, original),
    )


def look_hash(image: Image.Image) -> str:
    """A difference hash: is each cell of a 16 x 16 grid darker than its right neighbour? 64 hex digits.

    Photos that look alike differ in few bits, however they were scaled or compressed.
    """
    grey = image.convert("L").resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.BOX)
    cells = grey.tobytes()
    bits = 0
    for row in range(HASH_SIDE):
        start = row * (HASH_SIDE + 1)
        for column in range(start, start + HASH_SIDE):
            bits = bits << 1 | (cells[column] < cells[column + 1])
    return f"{bits:0{HASH_SIDE * HASH_SIDE // 4}x}"


def _open(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise Unreadable("The photo is not a JPEG, PNG, WebP or HEIC file that can be read.") from None
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise Unreadable(f"The photo has {pixels / 1e6:.0f} megapixels; at most {MAX_PIXELS // 1_000_000} are allowed.")
    if image.format == "PNG":  # Pillow decodes a PNG without its end, or with broken checksums, in silence
        Image.open(io.BytesIO(data), formats=("PNG",)).verify()
    return image


def _shrink(image: Image.Image) -> tuple[Image.Image, tuple[int, int]]:
    """Decode, at once near the size we keep where the format can, and turn upright. Also the size it came in."""
    original = image.size
    factor = min(1.0, LONG_SIDE / max(original))
    image.draft(None, (round(image.width * factor), round(image.height * factor)))  # JPEG only; never below that
    image.load()
    turn = _orientation(image)
    image = _eight_bits(image)
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return (image if turn is None else image.transpose(turn)), original


def _orientation(image: Image.Image) -> Image.Transpose | None:
    try:
        return TURNS.get(image.getexif().get(int(ExifTags.Base.Orientation), 1))
    except Exception:  # noqa: BLE001 -- a broken EXIF block is no reason to refuse good pixels
        return None


def _eight_bits(image: Image.Image) -> Image.Image:
    """A mode that scales well: L, RGB, RGBA or CMYK."""
    if image.mode.startswith("I"):  # 16-bit grey: convert("L") alone would turn all but the darkest 0.4 % white
        deep = image.convert("I")
        grey, clear = deep.point(lambda value: value * (1 / 257)).convert("L"), image.info.get("transparency")
        return grey if clear is None else Image.merge("LA", (grey, _all_but(deep, clear))).convert("RGBA")
    if "transparency" in image.info or image.mode in {"LA", "La", "PA", "RGBa", "RGBA"}:
        return image.convert("RGBA")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def _all_but(deep: Image.Image, clear: int) -> Image.Image:
    """A mask that is 0 where the value is ``clear`` and 255 elsewhere; converting to 8 bits cuts at both ends."""
    above = deep.point(lambda value: value * 1 - clear).convert("L")
    below = deep.point(lambda value: value * -1 + clear).convert("L")
    return ImageChops.add(above, below).point([0] + [255] * 255)


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    if alpha is not None:
        image = image.convert("RGB")
    if profile:
        image = _convert_profile(image, profile)
    image = image.convert("RGB")
    if alpha is None:
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=alpha)
    return white


def _convert_profile(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image  # a broken profile is worth less than the plain pixels
    return converted if converted is not None else image


def _rebuild(image: Image.Image) -> Image.Image:
    """The same pixels in an image that has never seen a file: no EXIF, comment, profile or embedded thumbnail."""
    return Image.frombytes("RGB", image.size, image.tobytes())


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling="4:4:4")
    return out.getvalue()


def _short(error: Exception) -> str:
    text = str(error).strip().rstrip(".") or type(error).__name__
    return text.splitlines()[0][:120]

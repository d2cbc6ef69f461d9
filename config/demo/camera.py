"""The phone's camera: what its lens, sensor and software make of a scene, down to the JPEG and its EXIF orientation."""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from config.demo.lots import Lot

Floats = npt.NDArray[np.float32]
_LINEAR = (np.linspace(0, 1, 256, dtype=np.float32)) ** 2.2
_STEPS = 2048  # of the table back from linear light to stored values


@dataclass(frozen=True)
class Camera:
    """One model of phone, with one owner's settings."""

    long_side: int  # pixels
    aspect: float
    balance: tuple[float, float]  # gains of red and blue that the white balance leaves
    contrast: float
    saturation: float
    noise: float  # at full light, as a share of white
    softness: float  # blur of the lens, pixels
    sharpening: int  # per cent, of the phone's own software
    vignette: float
    distortion: float  # k1 of the lens, positive is a barrel
    quality: int  # JPEG
    orientation: int  # EXIF tag a portrait photo is stored under: 1 (pixels turned), 6 or 8


def draw_camera(lot: Lot) -> Camera:
    """A camera of this volunteer's own."""
    return Camera(
        long_side=round(lot.between(520, 800)),
        aspect=lot.between(1.30, 1.70),
        balance=(lot.between(0.86, 1.16), lot.between(0.84, 1.18)),
        contrast=lot.between(0.75, 1.35),
        saturation=lot.between(0.55, 1.35),
        noise=lot.between(0.004, 0.035),
        softness=lot.between(0.0, 0.9),
        sharpening=round(lot.between(0, 160)),
        vignette=lot.between(0.0, 0.5),
        distortion=lot.between(-0.05, 0.09),
        quality=round(lot.between(52, 95)),
        orientation=int(lot.random.choice([1, 6, 6, 8])),
    )


def expose(
    scene: Image.Image, light: list[Floats], camera: Camera, shake: tuple[float, float], random: np.random.Generator
) -> Image.Image:
    """Light, shake (pixels right, pixels down), sensor and software: the photo as it is shown, RGB."""
    noise = random.standard_normal((scene.height, scene.width), dtype=np.float32) * np.float32(camera.noise)
    edge = _vignette(scene.size, camera.vignette)
    gains = (camera.balance[0], 1.0, camera.balance[1])
    curve = _tone_curve(round(camera.contrast, 3))
    channels = []
    for channel, field, gain in zip(scene.split(), light, gains, strict=True):
        linear = _LINEAR[np.asarray(channel)]
        linear *= field
        linear *= edge
        linear *= np.float32(gain)
        linear = _smear(linear, shake)
        shot = noise[:, ::-1] if gain is gains[2] else noise  # blue has a grain of its own
        linear += shot * np.sqrt(linear + np.float32(0.02))
        np.clip(linear, 0, 1, out=linear)
        channels.append(Image.fromarray(curve[(linear * (_STEPS - 1)).astype(np.uint16)]))
    photo = _saturate(Image.merge("RGB", channels), camera.saturation)
    return photo.filter(ImageFilter.UnsharpMask(1.2, camera.sharpening, 2)) if camera.sharpening > 15 else photo


def store(photo: Image.Image, camera: Camera) -> bytes:
    """JPEG bytes; a portrait photo may lie on its side, with an EXIF tag that says so."""
    exif = Image.Exif()
    turns = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    if photo.height > photo.width and camera.orientation in turns:
        photo = photo.transpose(turns[camera.orientation])
        exif[0x0112] = camera.orientation
    out = BytesIO()
    photo.save(out, "JPEG", quality=camera.quality, exif=exif)
    return out.getvalue()


def _smear(channel: Floats, shake: tuple[float, float]) -> Floats:
    """The mean along the way the hand moved while the shutter was open."""
    steps = int(max(abs(shake[0]), abs(shake[1])))
    if steps < 2:
        return channel
    total = np.zeros_like(channel)
    for k in range(steps):
        dx, dy = round(shake[0] * (k / steps - 0.5)), round(shake[1] * (k / steps - 0.5))
        total += np.roll(channel, (dy, dx), (0, 1))
    return total / np.float32(steps)


def _vignette(size: tuple[int, int], strength: float) -> Floats:
    x = np.linspace(-1, 1, size[0], dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, size[1], dtype=np.float32)[:, None]
    return (1 - np.float32(0.5 * strength) * (x * x + y * y)).astype(np.float32)


@lru_cache(maxsize=64)
def _tone_curve(contrast: float) -> npt.NDArray[np.uint8]:
    stored = np.linspace(0, 1, _STEPS) ** (1 / 2.2)
    bent = 0.5 + (stored - 0.5) * contrast
    s_curve = np.where(contrast > 1, np.clip(bent, 0, 1), bent)
    return (np.clip(s_curve, 0, 1) * 255 + 0.5).astype(np.uint8)


def _saturate(photo: Image.Image, saturation: float) -> Image.Image:
    grey = photo.convert("L").convert("RGB")
    return Image.blend(grey, photo, saturation)

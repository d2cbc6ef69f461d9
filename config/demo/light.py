"""Where the light comes from: fields of light over a photo, linear RGB, about 1 where neither bright nor dark."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from config.demo.lots import Lot

Floats = npt.NDArray[np.floating[Any]]
SEEN = ("lamp", "window", "overcast", "own_shadow")
UNSEEN = ("slats", "dapple", "two_lamps")
_GRID = 48  # a field is computed on a grid of this size and stretched: light changes slowly


@dataclass(frozen=True)
class Light:
    """One place's light, as a volunteer comes back to it."""

    kind: str
    angle: float  # radians, where it comes from
    strength: float  # how uneven it is, 0..1
    warmth: float  # -1 is a candle, +1 is a blue sky
    level: float  # exposure of the whole, 1 is right


def draw_light(lot: Lot) -> Light:
    """A light of this volunteer's own."""
    return Light(
        kind=lot.one_of(SEEN, UNSEEN),
        angle=lot.between(0, 2 * np.pi),
        strength=lot.between(0.15, 0.9),
        warmth=lot.between(-1, 1),
        level=lot.between(0.35, 1.25),
    )


def light_field(light: Light, size: tuple[int, int], random: np.random.Generator) -> list[Floats]:
    """Red, green and blue multipliers, each (height, width), for a photo of ``size`` (width, height)."""
    x, y = np.meshgrid(np.linspace(-1, 1, _GRID), np.linspace(-1, 1, _GRID))
    angle = light.angle + random.normal(0, 0.25)
    along = (x * np.cos(angle) + y * np.sin(angle)).astype(np.float32)
    across = (y * np.cos(angle) - x * np.sin(angle)).astype(np.float32)
    shape = _KINDS[light.kind](along, across, light.strength, random)
    tint = _tint(light.warmth + random.normal(0, 0.1))
    second = _tint(-light.warmth) if light.kind == "two_lamps" else tint
    share = np.clip(0.5 + 0.5 * along, 0, 1)
    level = light.level * float(np.exp(random.normal(0, 0.12)))
    return [_stretch(level * shape * (a + share * (b - a)), size) for a, b in zip(tint, second, strict=True)]


def _tint(warmth: float) -> tuple[float, float, float]:
    """A phone's white balance takes most of a light's colour away, never all of it."""
    return 1 - 0.16 * warmth, 1.0, 1 + 0.22 * warmth


def _stretch(field: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(Image.fromarray(field.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))


def _lamp(along: Floats, across: Floats, strength: float, random: np.random.Generator) -> Floats:
    distance = (along - random.uniform(0.2, 1.2)) ** 2 + (across - random.normal(0, 0.3)) ** 2
    return (1 - 0.75 * strength) + 1.5 * strength / (1 + 1.6 * distance)


def _window(along: Floats, _across: Floats, strength: float, _random: np.random.Generator) -> Floats:
    return 1 + 0.75 * strength * along


def _overcast(along: Floats, _across: Floats, strength: float, _random: np.random.Generator) -> Floats:
    return 1 + 0.12 * strength * along


def _own_shadow(along: Floats, across: Floats, strength: float, random: np.random.Generator) -> Floats:
    """The shadow of the phone and the arm that holds it."""
    edge: Floats = along - random.uniform(-0.5, 0.5) + 0.4 * np.abs(across - random.uniform(-0.6, 0.6))
    shade: Floats = 1 / (1 + np.exp(-edge * random.uniform(6, 30)))
    return 1.1 - 0.72 * strength * shade


def _slats(along: Floats, across: Floats, strength: float, random: np.random.Generator) -> Floats:
    """Sun through a blind."""
    stripes: Floats = np.sin(along * random.uniform(5, 14) + 0.8 * across + random.uniform(0, 6))
    return 1.05 + 0.55 * strength * np.tanh(3 * stripes)


def _dapple(along: Floats, _across: Floats, strength: float, random: np.random.Generator) -> Floats:
    """Sun through leaves."""
    cells = int(random.integers(5, 11))
    leaves = Image.fromarray(random.random((cells, cells), dtype=np.float32)).resize(
        along.shape, Image.Resampling.BICUBIC
    )
    return 1.0 + 0.6 * strength * np.tanh(6 * (np.asarray(leaves) - 0.5))


def _two_lamps(along: Floats, across: Floats, strength: float, _random: np.random.Generator) -> Floats:
    left = 1 / (1 + 2 * ((along - 0.9) ** 2 + across**2))
    right = 1 / (1 + 2 * ((along + 0.9) ** 2 + across**2))
    return (1 - 0.6 * strength) + 1.5 * strength * (left + right)


_KINDS = {
    "lamp": _lamp,
    "window": _window,
    "overcast": _overcast,
    "own_shadow": _own_shadow,
    "slats": _slats,
    "dapple": _dapple,
    "two_lamps": _two_lamps,
}

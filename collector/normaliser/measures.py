"""Numbers about a normalised photo: light, sharpness, and how it looks in 64 bits. Pillow only: there is no numpy here.

They are facts, not verdicts: whether "dark" is a fault or a wish, the challenge says (``collector.domain.measuring``).
"""

import math
import operator
from functools import lru_cache

from PIL import Image, ImageFilter, ImageStat

SHARPNESS_SIDE = 512  # a fixed scale, so that photos of all sizes compare; finer detail no model here sees
EDGES = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)
BORDER = 2  # pixels that the kernel copies instead of filtering, and those smoothed with them
LOOK_SIDE = 32
LOOK_WAVES = 8  # 8 x 8 of the slowest waves: 64 bits
PLAIN = 1.5  # grey levels: below this the picture shows nothing that could be told from noise


def measure(grey: Image.Image, original: tuple[int, int]) -> dict[str, float]:
    """Luminance (5th, 50th and 95th percentile, 0 to 255), shares clipped, sharpness, and the original's sides."""
    counts, total = grey.histogram(), grey.width * grey.height
    luminance = {f"luminance_{percent}": _percentile(counts, total * percent / 100) for percent in (5, 50, 95)}
    return {
        **luminance,
        "clipped_dark": round(sum(counts[:3]) / total, 4),
        "clipped_bright": round(sum(counts[253:]) / total, 4),
        "sharpness": round(_sharpness(grey), 2),
        "short_side": min(original),
        "long_side": max(original),
    }


def look64(grey: Image.Image) -> int | None:
    """How the photo looks: of its 64 slowest waves, which are stronger than the median. None where it is plain.

    Chosen by measurement, see ``benchmarks/bursts.py``. Signed, as PostgreSQL's bigint is.
    """
    small = grey.resize((LOOK_SIDE, LOOK_SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    if ImageStat.Stat(small).stddev[0] < PLAIN:
        return None
    waves = _slow_waves(small.tobytes())
    middle = sorted(waves[1:])[(len(waves) - 1) // 2]  # without the first, which is the mean brightness
    bits = 0
    for wave in waves:
        bits = bits << 1 | (wave > middle)
    return bits - (1 << 64) if bits >> 63 else bits


def _percentile(counts: list[int], wanted: float) -> int:
    seen = 0
    for level, count in enumerate(counts):
        seen += count
        if seen >= wanted:
            return level
    return len(counts) - 1


def _sharpness(grey: Image.Image) -> float:
    """Variance of the Laplacian at a fixed scale, lightly smoothed first: grain is not detail.

    Measured on rendered photos with blur, grain and dim light added: it finds the sharper of two photos of one scene in
    99 of 100 pairs, and keeps apart sharp and blurred photos of different scenes better than without smoothing.
    """
    small = grey.copy()
    small.thumbnail((SHARPNESS_SIDE, SHARPNESS_SIDE), Image.Resampling.BOX, reducing_gap=1.0)
    if min(small.size) <= 2 * BORDER:
        return 0.0
    edges = small.filter(ImageFilter.GaussianBlur(1)).filter(EDGES)
    inside = edges.crop((BORDER, BORDER, small.width - BORDER, small.height - BORDER))
    return float(ImageStat.Stat(inside).var[0])


def _slow_waves(cells: bytes) -> list[float]:
    """The 8 x 8 slowest coefficients of the cosine transform, row by row."""
    waves = _cosines()
    rows = [cells[at : at + LOOK_SIDE] for at in range(0, LOOK_SIDE * LOOK_SIDE, LOOK_SIDE)]
    across = [[sum(map(operator.mul, wave, row)) for row in rows] for wave in waves]
    return [sum(map(operator.mul, down, column)) for down in waves for column in across]


@lru_cache(maxsize=1)
def _cosines() -> list[list[float]]:
    step = math.pi / (2 * LOOK_SIDE)
    return [[math.cos(step * (2 * at + 1) * wave) for at in range(LOOK_SIDE)] for wave in range(LOOK_WAVES)]

"""What notes are photographed on: surfaces drawn from nothing but numbers.

A surface is a square picture larger than a photo; scene.py turns and cuts it. The families of ``SEEN`` belong to
volunteers who train, those of ``UNSEEN`` to the people whose photos the client names.
"""

from collections.abc import Callable
from colorsys import hsv_to_rgb

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Floats = npt.NDArray[np.float32]
SIZE = 900  # pixels of a surface's side


def draw_surface(family: str, seed: int, hue: float, saturation: float, value: float) -> Image.Image:
    """One surface, SIZE x SIZE, RGB, around one colour (each channel 0..1)."""
    random = np.random.default_rng(seed)
    base = np.array(hsv_to_rgb(hue, saturation, value), dtype=np.float32)
    other = np.array(
        hsv_to_rgb(
            (hue + random.uniform(0.03, 0.6)) % 1, saturation * random.uniform(0.2, 1), random.uniform(0.15, 0.95)
        ),
        dtype=np.float32,
    )
    return FAMILIES[family](random, base, other)


def _noise(random: np.random.Generator, cells: tuple[int, int], octaves: int = 1) -> Floats:
    """Smooth noise in 0..1 of ``cells`` (across, down) bumps, each octave twice as fine and half as strong."""
    total, weight = np.zeros((SIZE, SIZE), np.float32), 0.0
    for octave in range(octaves):
        across, down = min(SIZE, cells[0] << octave), min(SIZE, cells[1] << octave)
        grid = Image.fromarray(random.random((down, across), dtype=np.float32))
        total += np.asarray(grid.resize((SIZE, SIZE), Image.Resampling.BICUBIC)) * 0.5**octave
        weight += 0.5**octave
    share: Floats = np.clip(total / weight, 0, 1)
    return share


def _mix(share: Floats, base: Floats, other: Floats, shade: Floats | float = 1.0) -> Image.Image:
    picture = base + share[..., None] * (other - base)
    if not isinstance(shade, float):
        picture *= shade[..., None]
    return Image.fromarray(np.clip(picture * 255, 0, 255).astype(np.uint8))


def _axes() -> tuple[Floats, Floats]:
    line = np.arange(SIZE, dtype=np.float32)
    return line[None, :], line[:, None]


def _plain(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    return _mix(0.15 * _noise(random, (3, 3), 2), base, other, 0.94 + 0.06 * _noise(random, (300, 300)))


def _wood(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    x, y = _axes()
    bend = _noise(random, (3, 9), 2) * random.uniform(60, 160)
    rings = 0.5 + 0.5 * np.sin((y + bend) / random.uniform(5, 16))
    grain = _noise(random, (12, 450))
    planks = ((y // random.uniform(120, 320)) * 37 % 11) / 11
    gap = np.where(np.mod(y, random.uniform(120, 320)) < 3, 0.45, 1.0) + 0 * x
    return _mix(
        (0.35 * rings + 0.35 * grain + 0.3 * planks).astype(np.float32),
        base,
        base * 0.45 + other * 0.1,
        gap.astype(np.float32),
    )


def _weave(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    x, y = _axes()
    pitch = random.uniform(4, 12)
    warp, weft = np.sin(2 * np.pi * x / pitch), np.sin(2 * np.pi * y / pitch)
    over = (np.sin(np.pi * x / pitch) * np.sin(np.pi * y / pitch)) > 0
    thread = np.where(over, 0.5 + 0.5 * warp, 0.5 + 0.5 * weft).astype(np.float32)
    return _mix(0.35 * over + 0.2 * _noise(random, (6, 6), 3), base, other, 0.70 + 0.30 * thread)


def _marble(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    x, y = _axes()
    slope = random.uniform(-1, 1)
    field = (x + slope * y) / random.uniform(60, 200) + 6 * _noise(random, (4, 4), 5)
    veins = (1 - np.abs(np.sin(field))) ** random.uniform(2, 6)
    return _mix((0.85 * veins + 0.15 * _noise(random, (20, 20), 3)).astype(np.float32), base, other)


def _carpet(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    tufts = _noise(random, (220, 220), 2)
    motif = (_noise(random, (7, 7), 2) > 0.52).astype(np.float32)
    return _mix(0.7 * motif, base, other, 0.55 + 0.65 * tufts)


def _tiles(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    x, y = _axes()
    side = random.uniform(90, 260)
    joint = (np.mod(x, side) < 5) | (np.mod(y, side) < 5)
    checked = ((x // side + y // side) % 2) * float(random.choice([0.0, 0.9]))
    return _mix(
        np.where(joint, 0.6, checked).astype(np.float32), base, other, 0.88 + 0.12 * _noise(random, (40, 40), 2)
    )


def _paper(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    """A printed page: lines of dark words in columns, and a grey picture."""
    sheet = Image.new("RGB", (SIZE, SIZE), tuple(int(200 + 55 * c) for c in base))
    draw = ImageDraw.Draw(sheet)
    pitch, height = int(random.integers(14, 34)), int(random.integers(4, 11))
    for y in range(0, SIZE, pitch):
        x = int(random.integers(0, 30))
        while x < SIZE:
            word = int(random.integers(10, 70))
            draw.rectangle((x, y, x + word, y + height), fill=(60, 60, 66))
            x += word + int(random.integers(6, 14)) + (60 if random.random() < 0.05 else 0)
    for _ in range(3):
        x, y = (int(v) for v in random.integers(0, SIZE, 2))
        draw.rectangle((x, y, x + 260, y + 160), fill=tuple(int(255 * c) for c in other))
    return sheet.filter(ImageFilter.GaussianBlur(1))


def _room(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    """Things far behind a note held in the air, out of focus."""
    sheet = _plain(random, base, other)
    draw = ImageDraw.Draw(sheet)
    for _ in range(26):
        x, y, w, h = (int(v) for v in random.integers((-80, -80, 40, 40), (SIZE, SIZE, 420, 420)))
        colour = tuple(int(v) for v in random.integers(10, 245, 3))
        (draw.rectangle if random.random() < 0.7 else draw.ellipse)((x, y, x + w, y + h), fill=colour)
    return sheet.filter(ImageFilter.GaussianBlur(random.uniform(5, 16)))


def _tartan(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    x, y = _axes()
    period = random.uniform(90, 240)
    edges = np.sort(random.random(4))
    across = np.searchsorted(edges, np.mod(x, period) / period) % 2
    down = np.searchsorted(edges, np.mod(y, period) / period) % 2
    twill = 0.85 + 0.15 * np.sin((x + y) * 1.1)
    return _mix((0.5 * across + 0.5 * down).astype(np.float32), base, other, twill.astype(np.float32))


def _terrazzo(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    sheet = _plain(random, base, base)
    draw = ImageDraw.Draw(sheet)
    for _ in range(700):
        x, y, r = random.uniform(0, SIZE), random.uniform(0, SIZE), random.uniform(3, 16)
        turns = np.sort(random.uniform(0, 2 * np.pi, 6))
        tone = np.clip((other if random.random() < 0.5 else base) * random.uniform(0.5, 1.5), 0, 1)
        draw.polygon([(x + r * np.cos(a), y + r * np.sin(a)) for a in turns], fill=tuple(int(255 * c) for c in tone))
    return sheet


def _grass(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    sheet = _mix(_noise(random, (8, 8), 3), base * 0.5, base * 0.8)
    draw = ImageDraw.Draw(sheet)
    roots, lean = random.uniform(0, SIZE, (2600, 2)), random.uniform(-14, 14, (2600, 2))
    for (x, y), (dx, dy) in zip(roots.tolist(), lean.tolist(), strict=True):
        tone = base * random.uniform(0.5, 1.4) + other * 0.1
        draw.line((x, y, x + dx, y - 18 + dy), fill=tuple(int(255 * min(1.0, c)) for c in tone), width=2)
    return sheet


def _concrete(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    grey = base * 0.35 + float(base.mean()) * 0.65
    stains = _noise(random, (4, 4), 5)
    pits = (_noise(random, (260, 260)) > 0.82) * 0.35
    cracks = np.exp(-(((_noise(random, (3, 3), 4) - 0.5) * random.uniform(60, 140)) ** 2)) * 0.5
    return _mix(0.4 * stains, grey.astype(np.float32), other, (1 - pits - cracks).astype(np.float32))


def _bokeh(random: np.random.Generator, base: Floats, other: Floats) -> Image.Image:
    """A street at dusk behind a note held in the air: discs of light."""
    sheet = _mix(_noise(random, (3, 3), 2), base * 0.3, other * 0.4)
    for _ in range(40):
        disc = Image.new("L", (SIZE, SIZE))
        x, y, r = random.uniform(0, SIZE), random.uniform(0, SIZE), random.uniform(12, 50)
        box = (int(x - r), int(y - r), int(x + r), int(y + r))
        disc = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        ImageDraw.Draw(disc).ellipse((0, 0, disc.width - 1, disc.height - 1), fill=int(random.uniform(60, 190)))
        sheet.paste(tuple(int(v) for v in random.integers(90, 255, 3)), box[:2], disc)
    return sheet.filter(ImageFilter.GaussianBlur(2.5))


FAMILIES: dict[str, Callable[[np.random.Generator, Floats, Floats], Image.Image]] = {
    "plain": _plain,
    "wood": _wood,
    "weave": _weave,
    "marble": _marble,
    "carpet": _carpet,
    "tiles": _tiles,
    "paper": _paper,
    "room": _room,
    "tartan": _tartan,
    "terrazzo": _terrazzo,
    "grass": _grass,
    "concrete": _concrete,
    "bokeh": _bokeh,
}
HUES = {"wood": (0.02, 0.13), "grass": (0.17, 0.40), "marble": (0.0, 0.7)}  # the others take any hue
SEEN = ("plain", "wood", "weave", "marble", "carpet", "tiles", "paper", "room")
UNSEEN = ("tartan", "terrazzo", "grass", "concrete", "bokeh")

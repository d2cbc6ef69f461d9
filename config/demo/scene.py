"""What is in a photo beside the note: a surface, things lying about, and the note's shadow."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from config.demo.currency import Colour

_SOFT = 4  # shadows are blurred on a picture this many times smaller


def cut_surface(surface: Image.Image, size: tuple[int, int], random: np.random.Generator) -> Image.Image:
    """A turned and scaled piece of a surface that fills a photo of ``size``."""
    reach = float(np.hypot(*size)) / 2
    zoom = (surface.width / 2 - 4) / reach * random.uniform(0.55, 1.0)  # surface pixels to a photo pixel
    slack = surface.width / 2 - reach * zoom
    angle = random.uniform(0, 2 * np.pi)
    c, s = float(np.cos(angle) * zoom), float(np.sin(angle) * zoom)
    x, y = surface.width / 2 + random.uniform(-slack, slack, 2)
    corner = (x - c * size[0] / 2 - s * size[1] / 2, y + s * size[0] / 2 - c * size[1] / 2)
    turn = (c, s, corner[0], -s, c, corner[1])
    return surface.transform(size, Image.Transform.AFFINE, turn, Image.Resampling.BILINEAR)


def scatter_clutter(ground: Image.Image, count: int, random: np.random.Generator) -> None:
    """Pens, cups, coins, cards and receipts, in place; receipts carry digits that mean nothing."""
    draw = ImageDraw.Draw(ground)
    for _ in range(count):
        x, y = random.uniform(0, ground.width), random.uniform(0, ground.height)
        size = random.uniform(0.06, 0.28) * min(ground.size)
        red, green, blue = (int(v) for v in random.integers(15, 245, 3))
        colour = (red, green, blue)
        kind = int(random.integers(4))
        if kind == 0:
            _draw_pen(draw, (x, y), size * 2.4, random.uniform(0, np.pi), colour)
        elif kind == 1:
            _draw_disc(draw, (x, y), size * 0.7, colour)
        else:
            _paste_card(ground, (x, y), size * 1.6, random, colour if kind == 2 else (238, 236, 230), receipt=kind == 3)


def _draw_pen(draw: ImageDraw.ImageDraw, at: tuple[float, float], length: float, angle: float, colour: Colour) -> None:
    dx, dy = length / 2 * float(np.cos(angle)), length / 2 * float(np.sin(angle))
    line = (at[0] - dx, at[1] - dy, at[0] + dx, at[1] + dy)
    draw.line(line, fill=tuple(v // 2 for v in colour), width=max(3, int(length / 14)))
    draw.line(line, fill=colour, width=max(2, int(length / 24)))


def _draw_disc(draw: ImageDraw.ImageDraw, at: tuple[float, float], radius: float, colour: Colour) -> None:
    for share, tone in ((1.0, 0.55), (0.92, 1.0), (0.74, 0.75), (0.70, 0.9)):
        r = radius * share
        draw.ellipse((at[0] - r, at[1] - r, at[0] + r, at[1] + r), fill=tuple(int(v * tone) for v in colour))


def _paste_card(
    ground: Image.Image,
    at: tuple[float, float],
    size: float,
    random: np.random.Generator,
    colour: Colour,
    *,
    receipt: bool,
) -> None:
    card = Image.new("RGBA", (int(size), int(size * random.uniform(0.5, 1.4))), (*colour, 255))
    draw = ImageDraw.Draw(card)
    if receipt:
        for y in range(4, card.height, 13):
            draw.text((4, y), str(int(random.integers(1, 10**6))), fill=(70, 70, 74))
    else:
        draw.rectangle((3, 3, card.width - 4, card.height // 3), fill=tuple(255 - v for v in colour))
    card = card.rotate(random.uniform(0, 360), Image.Resampling.BILINEAR, expand=True)
    ground.paste(card, (int(at[0] - card.width / 2), int(at[1] - card.height / 2)), card)


def drop_shadow(
    ground: Image.Image, note: Image.Image, offset: tuple[float, float], softness: float, depth: float
) -> Image.Image:
    """The ground with the note's shadow on it."""
    small = note.getchannel("A").reduce(_SOFT).filter(ImageFilter.GaussianBlur(softness / _SOFT))
    cover = small.resize(ground.size, Image.Resampling.BILINEAR).point(lambda a: int(a * depth))
    shadow = Image.new("L", ground.size, 0)
    shadow.paste(cover, (int(offset[0]), int(offset[1])))
    return Image.composite(Image.new("RGB", ground.size, (14, 14, 20)), ground, shadow)

"""Notes lying flat, as a scanner would see them: drawn once per side and kept."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from config.demo import figures
from config.demo.currency import (
    COPPER,
    HEIGHT,
    NAVY,
    NOTE_OF,
    PAPER,
    PLUM,
    SAND,
    TEAL,
    WIDTH,
    Colour,
    Note,
    Rosette,
    Side,
)

_FINE = 2  # drawn at twice the size and reduced, for smooth lines
_W, _H = WIDTH * _FINE, HEIGHT * _FINE


@lru_cache(maxsize=16)
def draw_note(slug: str, face: str) -> Image.Image:
    """The ``front`` or ``back`` of one denomination, WIDTH x HEIGHT, RGB. Do not write into it: it is shared."""
    note = NOTE_OF[slug]
    side = note.front if face == "front" else note.back
    sheet = _wash()
    _print_background(sheet, side)
    for rosette in side.rosettes:
        _print_rosette(sheet, rosette)
    _print_picture(sheet, side)
    _print_emblem(sheet, side)
    _print_lettering(sheet, note, side)
    _print_frame(sheet, note)
    return sheet.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def print_serial(sheet: Image.Image, serial: str) -> None:
    """Stamp this one copy's number onto ``sheet``, in place: digits that say nothing about the value."""
    draw = ImageDraw.Draw(sheet)
    draw.text((WIDTH * 0.57, HEIGHT * 0.055), serial, font=_font(22), fill=NAVY)
    draw.text((WIDTH * 0.20, HEIGHT * 0.955), serial, font=_font(18), fill=PLUM, anchor="lm")


def _wash() -> Image.Image:
    """Paper under a soft run of inks from short edge to short edge, the same on every note."""
    stops = np.array([PAPER, SAND, PAPER, TEAL, PAPER, COPPER, PAPER], dtype=np.float32)
    at = np.linspace(0, len(stops) - 1, _W)
    row = np.stack([np.interp(at, range(len(stops)), stops[:, c]) for c in range(3)], axis=1)
    row = PAPER + 0.38 * (row - PAPER)
    return Image.fromarray(np.broadcast_to(row, (_H, _W, 3)).astype(np.uint8))


def _print_background(sheet: Image.Image, side: Side) -> None:
    draw = ImageDraw.Draw(sheet)
    for top, bottom, width in side.bands:
        reach = width * _H / 2
        corners = [(top * _W - reach, 0), (top * _W + reach, 0), (bottom * _W + reach, _H), (bottom * _W - reach, _H)]
        draw.polygon(corners, fill=SAND)
    swells, rise = side.waves
    x = np.linspace(0, _W, 240)
    for row in range(46):
        y = (row + 0.5) / 46 * _H + rise * _H * np.sin(2 * np.pi * swells * x / _W + row * 0.16)
        _line(draw, x, y, TEAL if row % 3 else COPPER, 2)


def _print_rosette(sheet: Image.Image, rosette: Rosette) -> None:
    draw = ImageDraw.Draw(sheet)
    angle = np.linspace(0, 2 * np.pi, 900)
    for ring in range(10):
        depth = 0.30 + 0.05 * (ring % 3)
        radius = (
            rosette.radius
            * _H
            * (0.35 + 0.065 * ring)
            * (1 - depth / 2 + depth / 2 * np.cos(rosette.lobes * angle + ring * 0.35))
        )
        twist = angle * 1.0 + 0.08 * np.sin(rosette.turns * angle)
        ink = (PLUM, COPPER, TEAL)[ring % 3]
        _line(draw, rosette.x * _W + radius * np.cos(twist), rosette.y * _H + radius * np.sin(twist), ink, 4)


def _print_picture(sheet: Image.Image, side: Side) -> None:
    tones = Image.new("L", (_W, _H), 0)
    draw = ImageDraw.Draw(tones)
    if side.bust:
        size = 0.90 * _H
        _clear_oval(sheet, side.bust.x)
        figures.draw_bust(figures.Pen(draw, side.bust.x * _W, 0.53 * _H, size, side.bust.facing), side.bust.dress)
    if side.view:
        figures.draw_view(figures.Pen(draw, side.view[0] * _W, 0.50 * _H, 0.72 * _H), side.view[1])
    sheet.paste(NAVY, mask=_engrave(tones))


def _clear_oval(sheet: Image.Image, x: float) -> None:
    oval = Image.new("L", sheet.size, 0)
    reach = 0.40 * _H
    ImageDraw.Draw(oval).ellipse((x * _W - reach, 0.07 * _H, x * _W + reach, 0.97 * _H), fill=200)
    sheet.paste(PAPER, mask=oval)
    ImageDraw.Draw(sheet).ellipse((x * _W - reach, 0.07 * _H, x * _W + reach, 0.97 * _H), outline=PLUM, width=6)


def _engrave(tones: Image.Image) -> Image.Image:
    """Tones (255 is full ink) to lines that swell with the tone, as a burin cuts them."""
    tone = np.asarray(tones, dtype=np.float32) / 255
    y, x = np.mgrid[0:_H, 0:_W].astype(np.float32)
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * (y + 14 * np.sin(x / 90) - 0.35 * x) / 13)
    ink = np.clip((tone * 1.15 - wave) * 6 + 0.5, 0, 1) * (tone > 0.02)
    return Image.fromarray((ink * 255).astype(np.uint8))


def _print_emblem(sheet: Image.Image, side: Side) -> None:
    x, y, emblem = side.emblem
    mask = Image.new("L", sheet.size, 0)
    figures.draw_emblem(figures.Pen(ImageDraw.Draw(mask), x * _W, y * _H, 0.20 * _H), emblem)
    sheet.paste(COPPER, mask=mask)


def _print_lettering(sheet: Image.Image, note: Note, side: Side) -> None:
    draw = ImageDraw.Draw(sheet)
    for rank, (x, y, height) in enumerate(side.numerals):
        font = _font(round(height * _H * 1.30))
        ink, edge = (PLUM, PAPER) if rank == 0 else (NAVY, PAPER)
        draw.text((x * _W, y * _H), str(note.value), font=font, fill=ink, anchor="mm", stroke_width=6, stroke_fill=edge)
    left, middle = side.words
    draw.text(
        (left * _W, middle * _H), note.words, font=_font(58), fill=NAVY, anchor="lm", stroke_width=4, stroke_fill=PAPER
    )
    draw.text((0.36 * _W, 0.035 * _H), "BANK OF DAWN", font=_font(34), fill=PLUM, anchor="lm")


def _print_frame(sheet: Image.Image, note: Note) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((12, 12, _W - 12, _H - 12), outline=TEAL, width=4)
    for mark in range(note.marks):
        y = _H * (0.30 + 0.07 * mark)
        draw.line((22, y, 54, y), fill=NAVY, width=10)


def _line(
    draw: ImageDraw.ImageDraw, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], ink: Colour, width: int
) -> None:
    draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=ink, width=width)


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface: the same strokes on every machine."""
    return ImageFont.load_default(size)

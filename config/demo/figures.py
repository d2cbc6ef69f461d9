"""The pictures on the notes as masks: busts, views and emblems. White is ink; notes.py engraves or tints them.

Every function draws into a square of 1 x 1 that is mapped onto the drawing by ``Pen``.
"""

from dataclasses import dataclass
from math import cos, pi, sin

from PIL import ImageDraw

Point = tuple[float, float]


@dataclass(frozen=True)
class Pen:
    """Draws in unit coordinates: (0, 0) is the top left of a square of ``size`` pixels around (x, y)."""

    draw: ImageDraw.ImageDraw
    x: float
    y: float
    size: float
    facing: int = 1

    def at(self, point: Point) -> Point:
        """Unit coordinates to pixels."""
        return self.x + self.facing * (point[0] - 0.5) * self.size, self.y + (point[1] - 0.5) * self.size

    def shape(self, *points: Point, ink: int = 255) -> None:
        """A filled polygon."""
        self.draw.polygon([self.at(p) for p in points], fill=ink)

    def blob(self, x: float, y: float, rx: float, ry: float, ink: int = 255) -> None:
        """A filled ellipse."""
        turn = [2 * pi * k / 48 for k in range(48)]
        self.shape(*((x + rx * cos(a), y + ry * sin(a)) for a in turn), ink=ink)

    def stroke(self, *points: Point, width: float, ink: int = 255) -> None:
        """An open line."""
        self.draw.line([self.at(p) for p in points], fill=ink, width=max(1, round(width * self.size)), joint="curve")


def draw_bust(pen: Pen, dress: str) -> None:
    """A head in profile on shoulders; grey values are tones for the engraver."""
    pen.shape((0.12, 1.0), (0.20, 0.82), (0.40, 0.74), (0.62, 0.74), (0.82, 0.84), (0.90, 1.0), ink=235)
    pen.shape((0.42, 0.58), (0.40, 0.80), (0.62, 0.80), (0.58, 0.58), ink=120)
    pen.blob(0.50, 0.42, 0.17, 0.23, ink=105)
    pen.shape((0.63, 0.34), (0.73, 0.47), (0.65, 0.50), ink=110)  # the nose
    pen.shape((0.60, 0.56), (0.67, 0.60), (0.60, 0.65), (0.50, 0.64), ink=120)  # the chin
    pen.blob(0.60, 0.38, 0.025, 0.018, ink=255)
    _DRESSES[dress](pen)


def _cap(pen: Pen) -> None:
    pen.shape(
        (0.30, 0.36),
        (0.34, 0.20),
        (0.50, 0.14),
        (0.64, 0.20),
        (0.68, 0.31),
        (0.84, 0.34),
        (0.82, 0.37),
        (0.62, 0.36),
        ink=245,
    )
    pen.shape((0.31, 0.36), (0.36, 0.36), (0.38, 0.54), (0.33, 0.52), ink=225)


def _bun(pen: Pen) -> None:
    pen.blob(0.28, 0.30, 0.12, 0.12, ink=240)
    pen.shape(
        (0.32, 0.50),
        (0.30, 0.30),
        (0.42, 0.17),
        (0.56, 0.17),
        (0.66, 0.27),
        (0.52, 0.30),
        (0.44, 0.44),
        (0.42, 0.56),
        ink=240,
    )
    pen.blob(0.45, 0.52, 0.025, 0.05, ink=20)


def _tophat(pen: Pen) -> None:
    pen.shape((0.34, 0.27), (0.31, 0.02), (0.68, 0.02), (0.66, 0.27), ink=250)
    pen.shape((0.22, 0.26), (0.80, 0.26), (0.76, 0.31), (0.26, 0.31), ink=250)
    pen.shape((0.33, 0.30), (0.42, 0.30), (0.40, 0.58), (0.34, 0.50), ink=215)
    pen.shape((0.56, 0.53), (0.68, 0.52), (0.66, 0.56), (0.56, 0.57), ink=235)


def _scarf(pen: Pen) -> None:
    pen.shape(
        (0.24, 0.78),
        (0.28, 0.30),
        (0.42, 0.13),
        (0.60, 0.16),
        (0.66, 0.28),
        (0.54, 0.27),
        (0.45, 0.40),
        (0.47, 0.60),
        (0.60, 0.74),
        (0.50, 0.84),
        ink=200,
    )
    for k in range(4):
        pen.stroke((0.30 + 0.05 * k, 0.76), (0.33 + 0.03 * k, 0.40), (0.45 + 0.04 * k, 0.18), width=0.012, ink=60)


def _crown(pen: Pen) -> None:
    pen.shape((0.31, 0.28), (0.27, 0.04), (0.39, 0.17), (0.46, 0.01), (0.54, 0.16), (0.66, 0.03), (0.68, 0.27), ink=230)
    pen.shape((0.30, 0.27), (0.44, 0.27), (0.42, 0.44), (0.38, 0.74), (0.26, 0.76), (0.28, 0.50), ink=250)
    for x in (0.36, 0.48, 0.60):
        pen.blob(x, 0.22, 0.02, 0.02, ink=30)


def _beard(pen: Pen) -> None:
    pen.shape((0.42, 0.50), (0.60, 0.54), (0.70, 0.58), (0.66, 0.78), (0.54, 0.90), (0.42, 0.74), ink=245)
    pen.blob(0.60, 0.38, 0.07, 0.06, ink=250)
    pen.blob(0.60, 0.38, 0.05, 0.042, ink=90)
    pen.stroke((0.53, 0.38), (0.36, 0.36), width=0.015, ink=250)


_DRESSES = {"cap": _cap, "bun": _bun, "tophat": _tophat, "scarf": _scarf, "crown": _crown, "beard": _beard}


def draw_view(pen: Pen, view: str) -> None:
    """A landmark over a horizon."""
    _VIEWS[view](pen)


def _lighthouse(pen: Pen) -> None:
    pen.shape((0.0, 1.0), (0.0, 0.86), (0.4, 0.78), (0.7, 0.84), (1.0, 0.80), (1.0, 1.0), ink=220)
    pen.shape((0.42, 0.80), (0.46, 0.28), (0.58, 0.28), (0.62, 0.82), ink=120)
    for top in (0.36, 0.54, 0.70):
        pen.shape((0.44, top + 0.09), (0.45, top), (0.59, top), (0.60, top + 0.09), ink=245)
    pen.shape((0.44, 0.28), (0.52, 0.10), (0.60, 0.28), ink=250)
    pen.shape((0.60, 0.22), (1.0, 0.06), (1.0, 0.34), ink=70)
    pen.shape((0.44, 0.22), (0.0, 0.10), (0.0, 0.30), ink=70)


def _bridge(pen: Pen) -> None:
    pen.shape((-0.4, 0.66), (1.4, 0.66), (1.4, 0.74), (-0.4, 0.74), ink=235)
    for x in (0.1, 0.9):
        pen.shape((x - 0.04, 0.98), (x - 0.03, 0.12), (x + 0.03, 0.12), (x + 0.04, 0.98), ink=250)
    curve = [(0.1 + 0.8 * t / 20, 0.14 + 0.46 * (1 - (2 * t / 20 - 1) ** 2)) for t in range(21)]
    pen.stroke(*curve, width=0.022, ink=230)
    for left, right in (((-0.4, 0.62), (0.1, 0.14)), ((1.4, 0.62), (0.9, 0.14))):
        pen.stroke(left, right, width=0.022, ink=230)
    for x, y in curve[2:-2:2]:
        pen.stroke((x, y), (x, 0.66), width=0.01, ink=180)
    pen.shape((-0.4, 0.90), (0.3, 0.87), (0.8, 0.91), (1.4, 0.88), (1.4, 1.0), (-0.4, 1.0), ink=110)


def _mountains(pen: Pen) -> None:
    pen.blob(0.74, 0.24, 0.15, 0.15, ink=90)
    pen.shape((-0.1, 0.95), (0.30, 0.22), (0.52, 0.60), (0.70, 0.38), (1.1, 0.95), ink=215)
    pen.shape((0.22, 0.37), (0.30, 0.22), (0.39, 0.38), (0.33, 0.44), (0.28, 0.36), ink=40)
    pen.shape((0.64, 0.46), (0.70, 0.38), (0.77, 0.47), (0.71, 0.52), ink=40)


def _tree(pen: Pen) -> None:
    pen.shape((0.44, 0.94), (0.47, 0.50), (0.54, 0.50), (0.57, 0.94), ink=250)
    for x, y, r in ((0.50, 0.24, 0.20), (0.28, 0.38, 0.17), (0.72, 0.38, 0.17), (0.40, 0.46, 0.14), (0.62, 0.47, 0.14)):
        pen.blob(x, y, r, r * 0.9, ink=215)
    for x, y in ((0.42, 0.24), (0.58, 0.28), (0.30, 0.40), (0.70, 0.38), (0.50, 0.42)):
        pen.blob(x, y, 0.05, 0.05, ink=110)
    pen.shape((0.0, 1.0), (0.2, 0.92), (0.8, 0.92), (1.0, 1.0), ink=180)


def _ship(pen: Pen) -> None:
    pen.shape((0.08, 0.70), (0.95, 0.66), (0.82, 0.90), (0.20, 0.90), ink=250)
    for x, top in ((0.34, 0.12), (0.62, 0.06)):
        pen.stroke((x, 0.70), (x, top), width=0.02, ink=250)
        pen.shape((x + 0.02, top), (x + 0.22, top + 0.32), (x + 0.02, 0.62), ink=120)
        pen.shape((x - 0.02, top + 0.08), (x - 0.20, 0.58), (x - 0.02, 0.60), ink=190)
    wave = [(-0.1 + 1.2 * t / 40, 0.94 + 0.02 * sin(t * 1.3)) for t in range(41)]
    pen.stroke(*wave, width=0.03, ink=170)


def _observatory(pen: Pen) -> None:
    pen.blob(0.50, 0.50, 0.32, 0.30, ink=215)
    pen.shape((0.16, 0.52), (0.84, 0.52), (0.84, 0.92), (0.16, 0.92), ink=150)
    pen.shape((0.48, 0.46), (0.84, 0.08), (0.92, 0.16), (0.58, 0.52), ink=250)
    for x in (0.26, 0.46, 0.66):
        pen.shape((x, 0.92), (x, 0.68), (x + 0.04, 0.62), (x + 0.08, 0.68), (x + 0.08, 0.92), ink=245)
    for x, y in ((0.08, 0.12), (0.30, 0.08), (0.62, 0.06), (0.16, 0.30)):
        pen.blob(x, y, 0.02, 0.02, ink=200)


_VIEWS = {
    "lighthouse": _lighthouse,
    "bridge": _bridge,
    "mountains": _mountains,
    "tree": _tree,
    "ship": _ship,
    "observatory": _observatory,
}


def draw_emblem(pen: Pen, emblem: str) -> None:
    """A small flat sign."""
    if emblem == "star":
        pen.shape(*_spokes(5, 0.5, 0.21))
    elif emblem == "gear":
        pen.shape(*_spokes(10, 0.5, 0.38))
        pen.blob(0.5, 0.5, 0.16, 0.16, ink=0)
    elif emblem == "moon":
        pen.blob(0.5, 0.5, 0.46, 0.46)
        pen.blob(0.66, 0.42, 0.36, 0.36, ink=0)
    elif emblem == "leaf":
        pen.shape((0.5, 0.0), (0.84, 0.36), (0.72, 0.74), (0.5, 1.0), (0.28, 0.74), (0.16, 0.36))
        pen.stroke((0.5, 0.1), (0.5, 1.0), width=0.05, ink=0)
    elif emblem == "shell":
        for k in range(7):
            angle = pi * (0.12 + 0.76 * k / 6)
            pen.stroke((0.5, 0.92), (0.5 - 0.5 * cos(angle), 0.92 - 0.8 * sin(angle)), width=0.09)
    elif emblem == "knot":
        for x, y in ((0.32, 0.5), (0.68, 0.5), (0.5, 0.30), (0.5, 0.70)):
            pen.blob(x, y, 0.30, 0.20)
            pen.blob(x, y, 0.20, 0.11, ink=0)


def _spokes(count: int, outer: float, inner: float) -> list[Point]:
    radii = (outer, inner) * count
    return [(0.5 + r * sin(pi * k / count), 0.5 - r * cos(pi * k / count)) for k, r in enumerate(radii)]

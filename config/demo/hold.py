"""How a note lies in front of the lens: pose, bend, fold and wear, and its picture in the photo's plane."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from config.demo.currency import HEIGHT, WIDTH

Floats = npt.NDArray[np.float64]
_MARGIN = 6  # transparent pixels around a note, so that its edge is smooth
_CELL = 32  # pixels of the mesh a note is bent over


@dataclass(frozen=True)
class Pose:
    """One note in front of one lens."""

    centre: tuple[float, float]  # pixels
    width: float  # of the note, were it held flat, pixels
    roll: float  # radians
    pitch: float
    yaw: float
    bow: float  # how far the long edges arch, share of the note's height
    wave: float  # how unevenly the paper lies along its length, share of its width
    phase: float
    kept: tuple[float, float]  # the part of the length that is not folded away, shares


def wear_note(sheet: Image.Image, pose: Pose, random: np.random.Generator) -> Image.Image:
    """One used copy at the size it will have in the photo, RGBA: creases, dirt, shading of its bends."""
    width = max(64, round(pose.width * 1.1))
    height = round(width * HEIGHT / WIDTH)
    paper = np.asarray(sheet.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0), dtype=np.float32)
    shade = 1 + 0.22 * np.sin(np.linspace(0, 2 * np.pi, width) * (1 + 8 * abs(pose.wave)) + pose.phase) * min(
        1.0, 14 * abs(pose.wave) + 3 * abs(pose.bow)
    )
    shade = (
        np.broadcast_to(shade[None, :], (height, width))
        * _crumple(random, (width, height))
        * _creases(random, (width, height))
    )
    fade = random.uniform(0.0, 0.22)
    paper = (paper + fade * (222 - paper)) * shade[..., None].astype(np.float32)
    worn = Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8)).convert("RGBA")
    left, right = (round(share * width) for share in pose.kept)
    framed = Image.new("RGBA", (width + 2 * _MARGIN, height + 2 * _MARGIN), (214, 208, 192, 0))
    framed.paste(worn.crop((left, 0, right, height)), (_MARGIN + left, _MARGIN))
    return framed


def _crumple(random: np.random.Generator, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    grid = Image.fromarray(random.normal(1, random.uniform(0.01, 0.09), (6, 12)).astype(np.float32))
    return np.asarray(grid.resize(size, Image.Resampling.BICUBIC))


def _creases(random: np.random.Generator, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Old folds: a dark and a bright line side by side, across or along the note."""
    width, height = size
    shade = np.ones((height, width), np.float32)
    for _ in range(int(random.integers(0, 4))):
        at, depth = random.uniform(0.15, 0.85), random.uniform(0.05, 0.30)
        if random.random() < 0.7:
            x = int(at * width)
            shade[:, x : x + 2] *= 1 - depth
            shade[:, x + 2 : x + 4] *= 1 + depth / 2
        else:
            y = int(at * height)
            shade[y : y + 2] *= 1 - depth
            shade[y + 2 : y + 4] *= 1 + depth / 2
    return shade


def place_note(note: Image.Image, pose: Pose, size: tuple[int, int], distortion: float) -> Image.Image:
    """The note as the lens sees it, RGBA, ``size`` (width, height); what is not note is transparent."""
    columns, rows = -(-size[0] // _CELL), -(-size[1] // _CELL)
    x, y = np.meshgrid(np.arange(columns + 1) * float(_CELL), np.arange(rows + 1) * float(_CELL))
    u, v = _to_paper(x, y, pose, size, distortion)
    px = (u + 0.5) * (note.width - 2 * _MARGIN) + _MARGIN
    py = (v + 0.5) * (note.height - 2 * _MARGIN) + _MARGIN
    cells = []
    for row in range(rows):
        for column in range(columns):
            corners = ((row, column), (row + 1, column), (row + 1, column + 1), (row, column + 1))
            quad = tuple(float(c) for at in corners for c in (px[at], py[at]))
            if (
                max(quad[0::2]) < 0
                or min(quad[0::2]) > note.width
                or max(quad[1::2]) < 0
                or min(quad[1::2]) > note.height
            ):
                continue
            box = (column * _CELL, row * _CELL, (column + 1) * _CELL, (row + 1) * _CELL)
            cells.append((box, quad))
    canvas = (columns * _CELL, rows * _CELL)
    if not cells:
        return Image.new("RGBA", size)
    return note.transform(canvas, Image.Transform.MESH, cells, Image.Resampling.BILINEAR).crop((0, 0, *size))


def _to_paper(x: Floats, y: Floats, pose: Pose, size: tuple[int, int], distortion: float) -> tuple[Floats, Floats]:
    """Photo pixels to shares of the note's width and height, both from its middle."""
    rx, ry = (x - size[0] / 2) / max(size), (y - size[1] / 2) / max(size)
    stretch = 1 + distortion * (rx * rx + ry * ry) * 4
    points = np.stack([size[0] / 2 + rx * stretch * max(size), size[1] / 2 + ry * stretch * max(size), np.ones_like(x)])
    across, along, depth = np.tensordot(np.linalg.inv(_homography(pose, size)), points, axes=1)
    u, v = across / depth / pose.width, along / depth / (pose.width * HEIGHT / WIDTH)
    v = v + pose.bow * (4 * u * u - 0.5)
    return u + pose.wave * np.sin(2 * np.pi * u + pose.phase), v


def _homography(pose: Pose, size: tuple[int, int]) -> Floats:
    """From the note's plane (pixels from its middle) to photo pixels, through a pinhole."""
    focal = 1.15 * max(size)
    cr, sr, cp, sp, cy, sy = (f(a) for a in (pose.roll, pose.pitch, pose.yaw) for f in (np.cos, np.sin))
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    turned = pitch @ yaw @ roll
    lens = np.array([[focal, 0, pose.centre[0]], [0, focal, pose.centre[1]], [0, 0, 1]])
    return np.asarray(lens @ np.column_stack([turned[:, 0], turned[:, 1], (0.0, 0.0, focal)]))

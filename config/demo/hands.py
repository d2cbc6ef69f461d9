"""Hands that hold a note: the palm behind it, the thumb in front."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from config.demo.currency import HEIGHT, WIDTH, Colour
from config.demo.hold import Pose

Vector = npt.NDArray[np.float64]
_HALF = 0.5 * HEIGHT / WIDTH
# From rim to ridge: (share of the thickness, tone of the skin), which makes a finger look round.
_ROUND = ((1.0, 0.52), (0.92, 0.70), (0.78, 0.88), (0.58, 1.0), (0.32, 1.07))


@dataclass(frozen=True)
class Grip:
    """One hand, in photo pixels."""

    tip: Vector  # of the thumb
    way: Vector  # unit vector from the tip towards the arm
    thickness: float  # of the thumb


def draw_grip(pose: Pose, random: np.random.Generator) -> Grip:
    """A hand at a short end or the lower long edge; the thumb reaches 0.02 to 0.15 widths over the note."""
    along = random.uniform(-0.3, 0.3)
    edges = (((-0.5, 0.5 * along), (-1.0, 0.5)), ((0.5, 0.5 * along), (1.0, 0.5)), ((along, _HALF), (0.1, 1.0)))
    start, outward = (np.array(pair) for pair in edges[random.choice(3, p=[0.4, 0.4, 0.2])])
    turn = np.array([[np.cos(pose.roll), -np.sin(pose.roll)], [np.sin(pose.roll), np.cos(pose.roll)]])
    way = turn @ (outward / np.linalg.norm(outward)) + random.normal(0, 0.2, 2)
    way /= np.linalg.norm(way)
    tip = np.array(pose.centre) + pose.width * (turn @ start - way * random.uniform(0.02, 0.15))
    return Grip(tip, way, pose.width * random.uniform(0.11, 0.15))


def draw_palm(scene: Image.Image, grip: Grip, skin: Colour) -> None:
    """The palm and wrist, in place; call it before the note is laid over them."""
    tones = ((1.0, 0.45), (0.94, 0.62), (0.82, 0.74), (0.6, 0.82))
    _draw_limb(scene, grip.tip + grip.way * grip.thickness * 2.2, grip, size=3.0, skin=skin, tones=tones)


def draw_thumb(scene: Image.Image, grip: Grip, skin: Colour) -> None:
    """The thumb with its nail, in place; call it after the note is laid down."""
    _draw_limb(scene, grip.tip + grip.way * grip.thickness * 0.5, grip, size=1.0, skin=skin, tones=_ROUND)
    draw = ImageDraw.Draw(scene)
    side = np.array([-grip.way[1], grip.way[0]])
    nail = grip.tip + grip.way * grip.thickness * 0.52
    turns = np.linspace(0, 2 * np.pi, 20)
    rim = [tuple(nail + grip.thickness * (0.36 * np.cos(a) * grip.way + 0.27 * np.sin(a) * side)) for a in turns]
    draw.polygon(rim, fill=_tone(skin, 0.78, 58), outline=_tone(skin, 0.8, 10))


def _draw_limb(
    scene: Image.Image,
    start: Vector,
    grip: Grip,
    *,
    size: float,
    skin: Colour,
    tones: tuple[tuple[float, float], ...],
) -> None:
    """A tapered, rounded limb from ``start`` out of the photo, ``size`` thumbs thick."""
    radius = grip.thickness / 2 * size
    end = start + grip.way * max(scene.size)
    side = np.array([-grip.way[1], grip.way[0]])
    layer = Image.new("RGBA", scene.size, (*_tone(skin, 0.5, 0), 0))
    draw = ImageDraw.Draw(layer)
    for share, tone in tones:
        near, far = radius * share, radius * (0.4 + share) * 1.25
        colour = (*_tone(skin, tone, 0), 255)
        draw.polygon(
            [tuple(p) for p in (start + side * near, end + side * far, end - side * far, start - side * near)],
            fill=colour,
        )
        draw.ellipse((*(start - near), *(start + near)), fill=colour)
    box = layer.getchannel("A").getbbox()
    if box:
        limb = layer.crop(box).filter(ImageFilter.GaussianBlur(max(0.6, radius * 0.09)))
        scene.paste(limb, box[:2], limb)


def _tone(skin: Colour, share: float, lift: int) -> Colour:
    r, g, b = (min(255, int(v * share + lift)) for v in skin)
    return r, g, b

"""Bursts: several photos of one moment, as an impatient thumb or an app that retries makes them.

The scene is that of ``renderer.render_photo`` with the same number; between two frames the hand moves, the note gives a
little, the light and the camera's choices change. ``stir`` says how much: 0 only stores the photo anew, 1 is a hand
that tries to hold still, 3 one that does not.
"""

from dataclasses import replace

import numpy as np
from PIL import Image

from config.demo import camera as cameras
from config.demo import hold, renderer
from config.demo.renderer import Photographer


def render_burst(person: Photographer, slug: str, number: int, count: int, *, stir: float = 1.0) -> list[bytes]:
    """``count`` frames of photo ``number`` of this volunteer, JPEG bytes, each unlike the others."""
    return [_render_frame(person, slug, number, frame, stir) for frame in range(count)]


def _render_frame(person: Photographer, slug: str, number: int, frame: int, stir: float) -> bytes:
    scene = np.random.default_rng([person.seed, number])  # the same for every frame
    own = np.random.default_rng([person.seed, number, frame + 1])
    held = renderer.draw_scene(person, slug, scene, lambda pose: _stir_pose(pose, own, stir))
    picture = _move_camera(held, own, stir)
    shake = stir * own.normal(0, 1 + person.habits.shake / 2, 2)
    light = [
        field * np.float32(np.exp(own.normal(0, 0.05 * stir))) for field in renderer.draw_light(person, held, scene)
    ]
    camera = replace(person.camera, quality=int(own.integers(60, 96)))
    return cameras.store(cameras.expose(picture, light, camera, (shake[0], shake[1]), own), camera)


def _stir_pose(pose: hold.Pose, own: np.random.Generator, stir: float) -> hold.Pose:
    roll, pitch, yaw = own.normal(0, 0.012 * stir, 3)
    return replace(pose, roll=pose.roll + roll, pitch=pose.pitch + pitch, yaw=pose.yaw + yaw)


def _move_camera(picture: Image.Image, own: np.random.Generator, stir: float) -> Image.Image:
    """The hand drifts: shifted by about a hundredth of the frame, turned by half a degree, nearer or further away."""
    width, height = picture.size
    dx, dy = own.normal(0, 0.01 * stir, 2) * min(picture.size)
    angle, zoom = own.normal(0, 0.009 * stir), float(np.exp(own.normal(0, 0.01 * stir)))
    c, s = float(np.cos(angle)) / zoom, float(np.sin(angle)) / zoom
    x, y = width / 2, height / 2
    turn = (c, -s, x - c * x + s * y + dx, s, c, y - s * x - c * y + dy)
    moved = picture.transform(picture.size, Image.Transform.AFFINE, turn, Image.Resampling.BICUBIC)
    covered = Image.new("L", picture.size, 255).transform(picture.size, Image.Transform.AFFINE, turn)
    return Image.composite(moved, picture, covered)  # what came in at the edge looks much like what was there

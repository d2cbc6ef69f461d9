"""Draws hand-held photos of the dawn (see currency.py): one seed, the same bytes; no two volunteers are alike.

Every volunteer has a camera, lights, surfaces, hands and habits of their own. A ``client`` crowd draws all of these
from values and kinds that no training volunteer can have (see lots.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from config.demo import camera as cameras
from config.demo import hands, hold, notes, scene, textures
from config.demo import light as lights
from config.demo.currency import Colour
from config.demo.light import Floats, Light, light_field
from config.demo.lots import Lot

_FAR = ("room", "bokeh")  # what is behind a note that is held up, not laid down
_SKINS: tuple[Colour, ...] = ((92, 60, 44), (141, 94, 68), (186, 132, 100), (214, 164, 134), (232, 190, 164))


@dataclass(frozen=True)
class Surface:
    """A place a volunteer photographs at."""

    family: str
    seed: int
    colour: tuple[float, float, float]  # hue, saturation, value, each 0..1


@dataclass(frozen=True)
class Habits:
    """How a volunteer holds a note and a phone."""

    portrait: bool
    distance: float  # width of the note as a share of the photo's short side
    tilt: float  # radians, typical
    roll: float  # radians, how crooked they hold it as a rule
    turned: float  # share of photos with the note upside down
    upended: float  # share of photos with the note standing on its short edge
    shake: float  # pixels, typical
    hands: int  # how many hold the note, at most
    clutter: int  # things lying about, at most
    folded: float  # share of photos of a note with an end folded away


@dataclass(frozen=True)
class Photographer:
    """Everything about one volunteer that shows in their photos."""

    seed: int
    camera: cameras.Camera
    lights: tuple[Light, ...]
    surfaces: tuple[Surface, ...]
    habits: Habits
    skin: Colour


def draw_photographer(seed: int, *, client: bool) -> Photographer:
    """One volunteer; ``client`` takes everything from the side that training never sees."""
    lot = Lot(seed, unseen=client)
    low, high = sorted((int(lot.random.integers(5)), int(lot.random.integers(5))))
    mix = lot.between(0, 1)
    r, g, b = (int(a + mix * (z - a)) for a, z in zip(_SKINS[low], _SKINS[high], strict=True))
    return Photographer(
        seed=lot.seed(),
        camera=cameras.draw_camera(lot),
        lights=tuple(lights.draw_light(lot) for _ in range(3)),
        surfaces=tuple(_draw_place(lot) for _ in range(3)),
        habits=_draw_habits(lot),
        skin=(r, g, b),
    )


def _draw_place(lot: Lot) -> Surface:
    family = lot.one_of(textures.SEEN, textures.UNSEEN)
    hue = lot.between(*textures.HUES.get(family, (0.0, 1.0)))
    return Surface(family, lot.seed(), (hue, lot.between(0.03, 0.75), lot.between(0.12, 0.97)))


def _draw_habits(lot: Lot) -> Habits:
    return Habits(
        portrait=lot.random.random() < 0.5,
        distance=lot.between(0.62, 0.98),
        tilt=lot.between(0.05, 0.38),
        roll=lot.between(-0.14, 0.14),
        turned=lot.between(0.0, 0.35),
        upended=lot.between(0.0, 0.25),
        shake=lot.between(0.0, 4.0),
        hands=int(lot.random.integers(0, 3)),
        clutter=int(lot.random.integers(0, 6)),
        folded=lot.between(0.0, 0.25),
    )


def render_photo(person: Photographer, slug: str, number: int) -> bytes:
    """Photo ``number`` of this volunteer, of one copy of the note ``slug``: JPEG bytes."""
    random = np.random.default_rng([person.seed, number])
    picture = draw_scene(person, slug, random)
    light = draw_light(person, picture, random)
    shake = random.normal(0, person.habits.shake, 2)
    return cameras.store(cameras.expose(picture, light, person.camera, (shake[0], shake[1]), random), person.camera)


def draw_scene(
    person: Photographer,
    slug: str,
    random: np.random.Generator,
    stir: Callable[[hold.Pose], hold.Pose] = lambda pose: pose,
) -> Image.Image:
    """What is before the lens, as sharp as the lens makes it; ``stir`` may move the note a little."""
    size = _photo_size(person)
    pose = stir(_pose(person.habits, size, random))
    sheet = notes.draw_note(slug, "front" if random.random() < 0.65 else "back").copy()
    notes.print_serial(sheet, f"D{random.integers(10**8):08d}")
    note = hold.place_note(hold.wear_note(sheet, pose, random), pose, size, person.camera.distortion)
    picture = _compose(person, note, pose, random)
    blur = (
        person.camera.softness + abs(random.normal(0, 0.8)) + (random.uniform(0, 2.0) if random.random() < 0.15 else 0)
    )
    return picture.filter(ImageFilter.GaussianBlur(blur)) if blur > 0.3 else picture


def draw_light(person: Photographer, picture: Image.Image, random: np.random.Generator) -> list[Floats]:
    """One of the volunteer's lights, as it falls on the picture."""
    return light_field(person.lights[random.integers(len(person.lights))], picture.size, random)


def _compose(person: Photographer, note: Image.Image, pose: hold.Pose, random: np.random.Generator) -> Image.Image:
    """The note on or before what is behind it, in the hands that hold it."""
    place = person.surfaces[random.integers(len(person.surfaces))]
    in_the_air = place.family in _FAR
    picture = scene.cut_surface(_surface(place), note.size, random)
    if not in_the_air:
        scene.scatter_clutter(picture, int(random.integers(0, person.habits.clutter + 1)), random)
        lift = random.uniform(0.005, 0.06) * min(note.size)
        away = (lift * random.normal(), lift * random.uniform(0.2, 1))
        picture = scene.drop_shadow(picture, note, away, 2 + lift, random.uniform(0.3, 0.85))
    hands_on = max(int(in_the_air), int(random.integers(0, person.habits.hands + 1)))
    grips = [hands.draw_grip(pose, random) for _ in range(hands_on)]
    for grip in grips:
        hands.draw_palm(picture, grip, person.skin)
    picture.paste(note, (0, 0), note)
    for grip in grips:
        hands.draw_thumb(picture, grip, person.skin)
    return picture


def _photo_size(person: Photographer) -> tuple[int, int]:
    long, short = person.camera.long_side, round(person.camera.long_side / person.camera.aspect)
    return (short, long) if person.habits.portrait else (long, short)


def _pose(habits: Habits, size: tuple[int, int], random: np.random.Generator) -> hold.Pose:
    short = min(size)
    quarter = np.pi / 2 * float(random.choice([1, 3])) if random.random() < habits.upended else 0.0
    half = np.pi if random.random() < habits.turned else 0.0
    folded = random.random() < habits.folded
    cut = random.uniform(0.55, 0.85)
    away = random.normal(0, 0.045, 2) * short
    return hold.Pose(
        centre=(size[0] / 2 + away[0], size[1] / 2 + away[1]),
        width=short * habits.distance * float(np.exp(random.normal(0, 0.10))),
        roll=habits.roll + random.normal(0, 0.13) + (quarter or half),
        pitch=float(np.clip(random.normal(0, habits.tilt), -0.75, 0.75)),
        yaw=float(np.clip(random.normal(0, habits.tilt), -0.75, 0.75)),
        bow=random.normal(0, 0.05),
        wave=random.normal(0, 0.012),
        phase=random.uniform(0, 2 * np.pi),
        kept=((0.0, cut) if random.random() < 0.5 else (1 - cut, 1.0)) if folded else (0.0, 1.0),
    )


@lru_cache(maxsize=8)
def _surface(place: Surface) -> Image.Image:
    return textures.draw_surface(place.family, place.seed, *place.colour)

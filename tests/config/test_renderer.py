"""The renderer: one seed, one picture; two crowds that share nothing; photos that colour alone cannot tell apart."""

from io import BytesIO
from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageOps

from config.demo import light, textures
from config.demo.baseline import NearestMean, colour_histogram
from config.demo.currency import HEIGHT, NOTE_OF, NOTES, WIDTH
from config.demo.hold import place_note, wear_note
from config.demo.lots import Lot
from config.demo.notes import draw_note
from config.demo.renderer import _pose, draw_photographer, render_photo

pytestmark = pytest.mark.slow

ORIENTATION = 0x0112


def test_the_same_seed_gives_the_same_bytes_and_another_number_another_photo() -> None:
    person = draw_photographer(7, client=False)
    again = draw_photographer(7, client=False)
    assert render_photo(person, "20-dawn", 3) == render_photo(again, "20-dawn", 3)
    assert render_photo(person, "20-dawn", 3) != render_photo(person, "20-dawn", 4)


def test_no_two_people_are_alike() -> None:
    people = [draw_photographer(seed, client=client) for seed, client in product(range(30), (False, True))]
    assert len({person.camera for person in people}) == 60
    assert len({place for person in people for place in person.surfaces}) == 180
    assert len({one for person in people for one in person.lights}) == 180


def test_the_client_sees_no_surface_or_light_of_a_kind_that_training_saw() -> None:
    def kinds(*, client: bool) -> tuple[set[str], set[str]]:
        people = [draw_photographer(seed, client=client) for seed in range(60)]
        surfaces = {place.family for person in people for place in person.surfaces}
        return surfaces, {one.kind for person in people for one in person.lights}

    seen, unseen = kinds(client=False), kinds(client=True)
    assert seen == (set(textures.SEEN), set(light.SEEN))
    assert unseen == (set(textures.UNSEEN), set(light.UNSEEN))
    assert not seen[0] & unseen[0]
    assert not seen[1] & unseen[1]


def test_the_two_sides_draw_no_value_in_common() -> None:
    def slices(*, unseen: bool) -> set[int]:
        lot = Lot(5, unseen=unseen)
        return {int(lot.between(0, 1) * 24) for _ in range(500)}

    assert slices(unseen=False) == set(range(0, 24, 2))
    assert slices(unseen=True) == set(range(1, 24, 2))


def test_all_notes_are_printed_in_one_palette() -> None:
    means = np.array([np.asarray(draw_note(note.slug, "front")).mean((0, 1)) for note in NOTES])
    assert np.ptp(means, axis=0).max() < 14


def test_no_two_notes_look_alike() -> None:
    sheets = {note.slug: np.asarray(draw_note(note.slug, "front").convert("L").resize((64, 30))) for note in NOTES}
    for one, other in product(sheets, sheets):
        if one != other:
            assert np.abs(sheets[one].astype(int) - sheets[other]).mean() > 8


@pytest.mark.parametrize("client", [False, True])
def test_photos_are_jpegs_a_phone_could_have_made(*, client: bool) -> None:
    tags = set()
    for seed in range(12):
        photo = render_photo(draw_photographer(seed, client=client), NOTES[seed % 6].slug, seed)
        with Image.open(BytesIO(photo)) as image:
            assert image.format == "JPEG"
            assert 300 <= min(image.size) <= max(image.size) <= 900
            tags.add(image.getexif().get(ORIENTATION, 1))
            upright = ImageOps.exif_transpose(image)
            assert np.asarray(upright.convert("L")).std() > 4
    assert len(tags) > 1


def test_the_note_is_in_the_photo_whole_enough_to_be_named() -> None:
    sheet = draw_note("50-dawn", "front")
    for number in range(60):
        person = draw_photographer(number, client=False)
        random = np.random.default_rng(number)
        pose = _pose(person.habits, (640, 480), random)
        note = place_note(wear_note(sheet, pose, random), pose, (640, 480), person.camera.distortion)
        covered = (np.asarray(note.getchannel("A")) > 128).mean()
        assert covered > 0.05
        shown = pose.width**2 * HEIGHT / WIDTH * (pose.kept[1] - pose.kept[0]) * np.cos(pose.pitch) * np.cos(pose.yaw)
        assert covered * 640 * 480 > 0.6 * shown


def test_every_slug_can_be_drawn_on_both_sides() -> None:
    for slug in NOTE_OF:
        assert draw_note(slug, "front").size == draw_note(slug, "back").size == (WIDTH, HEIGHT)


def test_colours_alone_name_less_than_half_of_the_client_photos() -> None:
    def photos(people: range, *, client: bool) -> list[tuple[str, np.ndarray]]:
        crowd = [draw_photographer(seed, client=client) for seed in people]
        return [
            (note.slug, colour_histogram(render_photo(person, note.slug, number)))
            for person in crowd
            for number, note in enumerate(NOTES)
        ]

    rival = NearestMean(photos(range(16), client=False))
    assert rival.accuracy(photos(range(500, 510), client=True)) < 0.5

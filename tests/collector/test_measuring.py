"""Numbers are measured on every photo; what they mean, its challenge says."""

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from collector.domain import challenges, conditions, measuring
from collector.enums import Remark
from collector.models import Challenge, Photo, Project
from collector.normaliser import measures
from config.demo.renderer import draw_photographer, render_photo
from foundation.problems import Problem
from tests.collector.conftest import Phone, send_photo

FINE: dict[str, float] = {
    "luminance_5": 20,
    "luminance_50": 120,
    "luminance_95": 220,
    "clipped_dark": 0.0,
    "clipped_bright": 0.0,
    "sharpness": 30.0,
    "short_side": 3000,
    "long_side": 4000,
}
DARK = {**FINE, "luminance_5": 0, "luminance_50": 9, "luminance_95": 40}


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    with Image.open(io.BytesIO(render_photo(draw_photographer(7, client=False), "20-dawn", 3))) as image:
        return image.convert("L")


def challenge_for(project: Project, *slugs: str, **fields: Any) -> Challenge:
    asked = conditions.get_conditions(project, slugs)
    day = challenges.local_day(project)
    return challenges.set_challenge(project, day, text="A note", conditions=asked, **fields)


# --- what is measured ----------------------------------------------------------------------------------------------
def test_luminance_is_measured_at_three_percentiles() -> None:
    grey = Image.linear_gradient("L")
    found = measures.measure(grey, grey.size)
    assert [found[f"luminance_{percent}"] for percent in (5, 50, 95)] == [12, 127, 243]
    assert (found["clipped_dark"], found["clipped_bright"]) == (0.0117, 0.0117)


def test_sharpness_falls_with_blur_and_hardly_with_grain(scene: Image.Image) -> None:
    grain = Image.effect_noise(scene.size, 40)
    sharp, blurred, grainy = (
        measures.measure(one, one.size)["sharpness"]
        for one in (
            scene,
            scene.filter(ImageFilter.GaussianBlur(3)),
            Image.blend(scene.filter(ImageFilter.GaussianBlur(3)), grain, 0.15),
        )
    )
    assert blurred < sharp / 4
    assert grainy < sharp / 2


def test_sharpness_of_a_photo_does_not_depend_on_its_size() -> None:
    """Of one that is at least as large as the scale it is measured at."""
    large = Image.effect_mandelbrot((1600, 1200), (-2, -1, 1, 1), 60)
    small = large.resize((800, 600), Image.Resampling.BOX)
    one, other = (measures.measure(photo, photo.size)["sharpness"] for photo in (large, small))
    assert one == pytest.approx(other, rel=0.1)


def test_tiny_photo_is_measured_too() -> None:
    assert measures.measure(Image.new("L", (1, 1), 200), (1, 1))["sharpness"] == 0


@pytest.mark.django_db
def test_normalised_photo_keeps_its_measurements_and_the_size_it_came_in(
    alice: Phone, storage: object, scene: Image.Image
) -> None:
    out = io.BytesIO()
    scene.resize((2400, 1800)).save(out, "JPEG")
    photo = send_photo(alice, out.getvalue())
    assert photo.measurements.keys() == FINE.keys()
    assert (photo.measurements["short_side"], photo.measurements["long_side"]) == (1800, 2400)
    assert photo.remarks == []


# --- what it means -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changed", "remarks"),
    [
        ({}, []),
        ({"luminance_95": 60, "luminance_50": 10}, [Remark.TOO_DARK]),
        ({"luminance_50": 240}, [Remark.TOO_BRIGHT]),
        ({"clipped_bright": 0.5}, [Remark.TOO_BRIGHT]),
        ({"sharpness": 1.0}, [Remark.BLURRED]),
        ({"short_side": 100}, [Remark.SMALL]),
        ({"sharpness": 1.0, "short_side": 100}, [Remark.BLURRED, Remark.SMALL]),
    ],
)
def test_photo_without_a_challenge_is_judged_as_usual(changed: dict[str, float], remarks: list[Remark]) -> None:
    assert measuring.remark({**FINE, **changed}, None) == remarks


def test_dark_photo_is_not_called_blurred() -> None:
    """It has too little contrast to tell."""
    assert measuring.remark({**DARK, "sharpness": 1.0}, None) == [Remark.TOO_DARK]


@pytest.mark.django_db
@pytest.mark.parametrize("light", ["dim", "backlit", "bright"])
def test_dark_is_no_fault_where_a_light_is_the_request(notes: Project, light: str) -> None:
    assert measuring.remark(DARK, challenge_for(notes, "near")) == [Remark.TOO_DARK]
    assert measuring.remark(DARK, challenge_for(notes, light)) == []


@pytest.mark.django_db
def test_challenge_for_a_dim_note_may_find_a_photo_too_bright(notes: Project) -> None:
    asked = challenge_for(notes, "dim", limits={"luminance_50": [None, 60]})
    assert measuring.remark(FINE, asked) == [Remark.TOO_BRIGHT]
    assert measuring.remark(DARK, asked) == []


@pytest.mark.django_db
def test_own_limit_replaces_the_usual_one_and_leaves_the_others(notes: Project) -> None:
    asked = challenge_for(notes, limits={"sharpness": [0, None]})
    assert measuring.remark({**FINE, "sharpness": 0.5, "short_side": 100}, asked) == [Remark.SMALL]


@pytest.mark.django_db
def test_new_limits_judge_the_waiting_photos_anew(
    alice: Phone, notes: Project, storage: object, scene: Image.Image
) -> None:
    out = io.BytesIO()
    scene.save(out, "JPEG")
    photo = send_photo(alice, out.getvalue(), challenge=challenge_for(notes))
    assert photo.remarks == []
    challenge_for(notes, limits={"short_side": [4000, None]})
    assert Photo.objects.get(pk=photo.pk).remarks == [Remark.SMALL]


# --- limits --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    "limits",
    [
        {"beauty": [1, 2]},
        {"sharpness": 3},
        {"sharpness": [1]},
        {"sharpness": [1, 2]},
        {"luminance_50": [60, 5]},
        {"luminance_50": ["dark", None]},
        {"luminance_50": [True, None]},
        {"luminance_50": [-1, None]},
        {"luminance_50": [float("nan"), None]},
        {"luminance_50": [0, float("inf")]},
        ["sharpness"],
    ],
)
def test_limits_that_make_no_sense_are_refused(notes: Project, limits: Any) -> None:
    with pytest.raises(Problem) as refused:
        challenge_for(notes, limits=limits)
    assert refused.value.kind == "invalid-limits"
    assert not Challenge.objects.exists()


sides = st.none() | st.floats(0, 255)


@given(st.dictionaries(st.sampled_from(sorted(measuring.MEANINGS)), st.tuples(sides, sides)))
def test_limits_are_refused_or_stored_as_they_are(limits: dict[str, Any]) -> None:
    try:
        stored = measuring.check_limits(limits)
    except Problem as problem:
        assert problem.kind == "invalid-limits"  # noqa: PT017 -- most of what is drawn is fine
        return
    assert {name: tuple(limit) for name, limit in stored.items()} == limits
    assert measuring.check_limits(stored) == stored
    assert all(least is None or most is None or least <= most for least, most in stored.values())


@pytest.mark.django_db
def test_command_takes_limits(notes: Project) -> None:
    call_command("set_challenge", "notes", text="A note in the dark", limit=["luminance_50=5..60", "sharpness=1.."])
    assert Challenge.objects.get().limits == {"luminance_50": [5, 60], "sharpness": [1, None]}


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["luminance_50", "luminance_50=5", "luminance_50=a..b", "beauty=1..2"])
def test_command_says_what_is_wrong_with_a_limit(notes: Project, word: str) -> None:
    with pytest.raises(CommandError, match=r"luminance_50|beauty"):
        call_command("set_challenge", "notes", text="A note", limit=[word])

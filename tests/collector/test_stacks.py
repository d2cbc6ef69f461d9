"""Photos of one moment share a stack, and exactly one waiting photo of it is on top."""

import io
import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from PIL import Image, ImageFilter
from pytest_django import DjangoAssertNumQueries

from collector.domain import challenges, photos, stacks
from collector.enums import PhotoState
from collector.models import Challenge, Photo, Project
from config.demo.renderer import draw_photographer, render_photo
from foundation.models import User
from tests.collector.conftest import Phone, send_photo

pytestmark = pytest.mark.django_db
ALL = (1 << 64) - 1


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    """A note on a table, as a phone shows it."""
    with Image.open(io.BytesIO(render_photo(draw_photographer(7, client=False), "20-dawn", 3))) as image:
        return image.convert("RGB")


def as_jpeg(image: Image.Image, quality: int = 90) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def tops(*sent: Photo) -> list[bool]:
    now = Photo.objects.in_bulk([photo.pk for photo in sent])
    return [now[photo.pk].is_top for photo in sent]


def stacks_of(*sent: Photo) -> set[uuid.UUID | None]:
    return set(Photo.objects.filter(pk__in=[photo.pk for photo in sent]).values_list("stack", flat=True))


def place(by: Phone, look64: int, *, sharpness: float = 1.0, challenge: Challenge | None = None) -> Photo:
    """A waiting photo that looks like these bits, placed as the normaliser's worker places it."""
    project = Project.objects.get(slug="notes")
    with transaction.atomic():
        photo = Photo.objects.create(
            id=uuid.uuid4(),
            project=project,
            volunteer=by.volunteer,
            claimed_label=project.labels.get(slug="five"),
            challenge=challenge,
            size_bytes=1,
            sha256="0" * 64,
        )
        found = stacks.find_place(photo, signed(look64))
        Photo.objects.filter(pk=photo.pk).update(
            state=PhotoState.AWAITING_REVIEW,
            look64=signed(look64),
            stack=found.stack,
            measurements={"sharpness": sharpness},
        )
        stacks.promote([photo.pk])
    photo.refresh_from_db()
    return photo


def signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits


def flip(look64: int, count: int, start: int = 0) -> int:
    """The same bits but for ``count`` of them, spread over all four bands."""
    for at in range(count):
        look64 ^= 1 << (start + at * 17) % 64
    return look64


LOOK = 0x9C3A_5F01_E276_4BD8


# --- from bytes to stacks ------------------------------------------------------------------------------------------
def test_photo_that_looks_like_no_other_is_a_stack_of_its_own(alice: Phone, storage: object) -> None:
    photo = send_photo(alice, as_jpeg(Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 50)))
    assert photo.stack == photo.pk
    assert photo.is_top


def test_two_shots_of_one_moment_share_a_stack_and_the_sharper_is_on_top(
    alice: Phone, storage: object, scene: Image.Image
) -> None:
    blurred = send_photo(alice, as_jpeg(scene.filter(ImageFilter.GaussianBlur(3))))
    sharp = send_photo(alice, as_jpeg(scene, quality=70))
    assert stacks_of(blurred, sharp) == {blurred.pk}
    assert tops(blurred, sharp) == [False, True]


def test_two_people_who_send_the_same_picture_share_a_stack(
    alice: Phone, bob: Phone, storage: object, scene: Image.Image
) -> None:
    first, second = send_photo(alice, as_jpeg(scene)), send_photo(bob, as_jpeg(scene, quality=60))
    assert stacks_of(first, second) == {first.pk}


def test_photos_that_claim_different_labels_never_share_a_stack(
    alice: Phone, storage: object, scene: Image.Image
) -> None:
    five = send_photo(alice, as_jpeg(scene))
    ten = send_photo(alice, as_jpeg(scene, quality=60), label="ten")
    assert stacks_of(five, ten) == {five.pk, ten.pk}


def test_plain_picture_is_like_no_other(alice: Phone, storage: object) -> None:
    walls = [send_photo(alice, as_jpeg(Image.new("RGB", (300, 200), "grey"), quality)) for quality in (80, 90)]
    assert [wall.look64 for wall in walls] == [None, None]
    assert stacks_of(*walls) == {wall.pk for wall in walls}


# --- how alike, and among which ------------------------------------------------------------------------------------
@pytest.mark.parametrize(("bits", "shared"), [(0, True), (10, True), (11, False), (40, False)])
def test_one_volunteers_photos_share_a_stack_up_to_10_bits(alice: Phone, bits: int, shared: bool) -> None:
    first, second = place(alice, LOOK), place(alice, flip(LOOK, bits))
    assert (second.stack == first.pk) is shared


@pytest.mark.parametrize(("bits", "shared"), [(0, True), (3, True), (4, False)])
@pytest.mark.parametrize("start", [0, 5, 31, 63])
def test_two_volunteers_photos_share_a_stack_up_to_3_bits(
    alice: Phone, bob: Phone, bits: int, shared: bool, start: int
) -> None:
    first, second = place(alice, LOOK), place(bob, flip(LOOK, bits, start))
    assert (second.stack == first.pk) is shared


def test_bits_at_both_ends_of_the_number_are_compared(alice: Phone, bob: Phone) -> None:
    first = place(alice, ALL)
    assert place(bob, ALL ^ 1 ^ 1 << 63).stack == first.pk


def test_photos_for_different_challenges_share_no_stack_at_10_bits(alice: Phone, notes: Project) -> None:
    today = challenges.set_challenge(notes, challenges.local_day(notes), text="A note in dim light")
    first, second = place(alice, LOOK), place(alice, flip(LOOK, 10), challenge=today)
    assert stacks_of(first, second) == {first.pk, second.pk}


def test_only_the_latest_200_photos_of_a_volunteer_are_compared(alice: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "RECENT", 2)
    first = place(alice, LOOK)
    for seed in (0x0F0F, 0xF0F0):
        place(alice, flip(LOOK, 31, seed % 7) ^ seed << 20)
    assert place(alice, flip(LOOK, 10)).stack != first.pk


def test_photo_between_two_stacks_makes_them_one_named_by_the_older(alice: Phone) -> None:
    one, other = place(alice, LOOK, sharpness=5), place(alice, flip(LOOK, 20), sharpness=4)
    assert stacks_of(one, other) == {one.pk, other.pk}
    between = place(alice, flip(LOOK, 10), sharpness=3)
    assert stacks_of(one, other, between) == {one.pk}
    assert tops(one, other, between) == [True, False, False]


def test_full_stack_takes_no_more(alice: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "LARGEST", 2)
    first, second, third = (place(alice, LOOK) for _ in range(3))
    assert stacks_of(first, second) == {first.pk}
    assert third.stack == third.pk
    assert tops(first, second, third) == [True, False, True]


# --- who is on top -------------------------------------------------------------------------------------------------
def test_the_next_sharpest_comes_up_when_the_top_is_deleted(alice: Phone) -> None:
    burst = [place(alice, LOOK, sharpness=sharpness) for sharpness in (1, 9, 5)]
    assert tops(*burst) == [False, True, False]
    photos.delete_photo(alice.volunteer, burst[1].pk)
    assert tops(*burst) == [False, False, True]


def test_first_received_is_on_top_where_sharpness_is_the_same(alice: Phone) -> None:
    burst = [place(alice, LOOK) for _ in range(3)]
    assert tops(*burst) == [True, False, False]


def test_new_photo_is_on_top_of_a_stack_that_is_decided(alice: Phone) -> None:
    first = place(alice, LOOK, sharpness=9)
    decide(first)
    assert tops(first, place(alice, LOOK, sharpness=1)) == [False, True]


def test_photo_on_a_reviewers_screen_stays_on_top(alice: Phone, rosa: User) -> None:
    first = place(alice, LOOK, sharpness=1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO collector_hold (photo_id, reviewer_id, until) VALUES (%s, %s, now() + '1 min')",
            [first.pk, rosa.pk],
        )
    second = place(alice, LOOK, sharpness=9)
    assert tops(first, second) == [True, False]


def test_promote_costs_one_query_however_many_photos(
    alice: Phone, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    burst = [place(alice, LOOK).pk for _ in range(3)]
    for many in (burst[:1], burst):
        with django_assert_num_queries(1):
            stacks.promote(many)


def decide(photo: Photo, state: str = PhotoState.ACCEPTED) -> None:
    """As decisions do it: lock, change, promote."""
    with transaction.atomic():
        stacks.lock([photo.pk])
        Photo.objects.filter(pk=photo.pk, state=PhotoState.AWAITING_REVIEW).update(state=state)
        stacks.promote([photo.pk])


# --- several at once -----------------------------------------------------------------------------------------------
def at_once(*actions: Callable[[], object]) -> None:
    barrier, failed = threading.Barrier(len(actions)), []

    def run(action: Callable[[], object]) -> None:
        try:
            barrier.wait()
            action()
        except Exception as error:  # noqa: BLE001 -- told below
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.django_db(transaction=True)
def test_photos_that_are_placed_at_once_do_not_miss_each_other(alice: Phone) -> None:
    at_once(*[lambda: place(alice, LOOK)] * 8)
    assert Photo.objects.values_list("stack").distinct().count() == 1
    assert Photo.objects.filter(is_top=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_decisions_at_once_leave_exactly_one_waiting_photo_on_top(alice: Phone) -> None:
    burst = [place(alice, LOOK, sharpness=at) for at in range(9)]
    at_once(*(lambda photo=photo: decide(photo) for photo in burst[1:]), lambda: place(alice, LOOK, sharpness=0.5))
    waiting = Photo.objects.filter(state=PhotoState.AWAITING_REVIEW)
    assert waiting.count() == 2
    assert [photo.measurements["sharpness"] for photo in waiting.filter(is_top=True)] == [0.5]


@pytest.mark.django_db(transaction=True)
def test_stacks_that_are_joined_and_decided_at_once_stay_whole(alice: Phone, bob: Phone) -> None:
    one, other = place(alice, LOOK, sharpness=1), place(alice, flip(LOOK, 20), sharpness=2)
    at_once(
        lambda: decide(one),
        lambda: decide(other),
        lambda: place(alice, flip(LOOK, 10), sharpness=3),
        lambda: place(bob, flip(LOOK, 1), sharpness=4),
    )
    waiting = Photo.objects.filter(state=PhotoState.AWAITING_REVIEW)
    for stack in set(waiting.values_list("stack", flat=True)):
        assert waiting.filter(stack=stack, is_top=True).count() == 1
    assert stacks_of(one, other) == {one.pk}

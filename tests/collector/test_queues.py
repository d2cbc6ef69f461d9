"""The queue: what a reviewer is given, in which order, and that nobody else is given the same."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from django.db.models.functions import Now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from collector.domain import holds, queues
from collector.domain.filters import Filter
from collector.enums import ReviewOrder, Shown
from collector.models import Challenge, Hold, Photo, Project
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import Phone
from tests.collector.racing import at_once
from tests.collector.reviewing import accept, reject, shoot, shoot_burst, taken

pytestmark = pytest.mark.django_db
FIELDS = {  # what each order looks at, and whether the largest comes first
    ReviewOrder.VALUE: ("value", True),
    ReviewOrder.OLDEST: ("received_at", False),
    ReviewOrder.NEWEST: ("received_at", True),
    ReviewOrder.DISAGREEMENT: ("disagreement", True),
    ReviewOrder.NEED: ("need", True),
    ReviewOrder.NOVELTY: ("novelty", True),
}
START = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def serve(project: Project, by: User, **members: Any) -> list[Photo]:
    return queues.serve(project, Filter(**members), by=by).photos


def walk(project: Project, order: ReviewOrder, limit: int) -> list[uuid.UUID]:
    """Every page, one behind the other."""
    photos, after, seen = Photo.objects.filter(project=project), "", list[uuid.UUID]()
    for _ in range(100):
        page = queues.page(photos, order, after=after, limit=limit)
        assert len(page.photos) <= limit
        seen += [photo.pk for photo in page.photos]
        after = page.after
        if not after:
            return seen
    pytest.fail("the pages never end")


# --- order and pages -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("order", list(ReviewOrder))
def test_queue_serves_each_order(alice: Phone, rosa: User, notes: Project, order: ReviewOrder) -> None:
    sent = [shoot(alice) for _ in range(3)]
    name, is_falling = FIELDS[order]
    ranks = [START + dt.timedelta(hours=at) if name == "received_at" else at / 2 for at in (1, 2, 0)]
    for photo, rank in zip(sent, ranks, strict=True):
        Photo.objects.filter(pk=photo.pk).update(**{name: rank})
    rising = [sent[2], sent[0], sent[1]]
    assert serve(notes, rosa, order=order) == (rising[::-1] if is_falling else rising)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ranks=st.lists(st.sampled_from([0.0, 0.1, 0.30000000000000004, 1.0]), min_size=7, max_size=7),
    order=st.sampled_from(list(ReviewOrder)),
    limit=st.integers(1, 8),
)
def test_pages_miss_none_and_repeat_none(
    seven: Sequence[Photo], notes: Project, ranks: list[float], order: ReviewOrder, limit: int
) -> None:
    name, is_falling = FIELDS[order]
    for photo, rank in zip(seven, ranks, strict=True):
        value = START + dt.timedelta(microseconds=rank * 10) if name == "received_at" else rank
        Photo.objects.filter(pk=photo.pk).update(**{name: value})
    rows = Photo.objects.values_list(name, "pk")
    assert walk(notes, order, limit) == [pk for _, pk in sorted(rows, reverse=is_falling)]


@pytest.fixture
def seven(alice: Phone) -> Sequence[Photo]:
    return [shoot(alice) for _ in range(7)]


def test_pages_go_on_where_photos_were_decided_meanwhile(seven: Sequence[Photo], rosa: User, notes: Project) -> None:
    chosen = Filter(order=ReviewOrder.OLDEST)
    first = queues.serve(notes, chosen, by=rosa, limit=3)
    taken(*[accept(photo) for photo in first.photos], by=rosa)
    second = queues.serve(notes, chosen, by=rosa, limit=3, after=first.after)
    last = queues.serve(notes, chosen, by=rosa, limit=3, after=second.after)
    assert [*first.photos, *second.photos, *last.photos] == list(seven)
    assert last.after == ""


@pytest.mark.parametrize(
    "after",
    ["x", "0.5", "0.5~last", f"2026-11-21~{uuid.UUID(int=0)}", f"~{uuid.UUID(int=0)}", "\x00", "0.5~" + "9" * 5000],
)
def test_page_behind_nothing_is_refused_in_words(notes: Project, rosa: User, after: str) -> None:
    for order in (ReviewOrder.VALUE, ReviewOrder.OLDEST):
        with pytest.raises(Problem) as refused:
            queues.serve(notes, Filter(order=order), by=rosa, after=after)
        assert (refused.value.kind, refused.value.status) == ("invalid-cursor", 400)
        assert len(refused.value.detail) < 200


# --- stacks --------------------------------------------------------------------------------------------------------
def test_queue_shows_the_top_of_a_stack_and_names_the_others(alice: Phone, rosa: User, notes: Project) -> None:
    top, *members = shoot_burst(alice, 3)
    alone = shoot(alice)
    page = queues.serve(notes, Filter(order=ReviewOrder.OLDEST), by=rosa)
    assert {photo.pk for photo in page.photos} == {top.pk, alone.pk}
    assert page.members == {top.pk: [member.pk for member in members]}
    assert queues.count(notes, Filter())[0] == queues.count_waiting([notes])[notes.pk] == 2


# --- leases --------------------------------------------------------------------------------------------------------
def test_photos_on_somebodys_screen_are_not_given_to_others(
    seven: Sequence[Photo], rosa: User, vera: User, notes: Project
) -> None:
    mine = queues.serve(notes, Filter(), by=rosa, limit=4).photos
    theirs = queues.serve(notes, Filter(), by=vera, limit=20).photos
    assert {*mine, *theirs} == set(seven)
    assert (len(mine), len(theirs)) == (4, 3)
    assert queues.serve(notes, Filter(), by=rosa, limit=4).photos == mine  # after a reload


@pytest.mark.django_db(transaction=True)
def test_twenty_reviewers_at_once_never_get_the_same_photo(alice: Phone, notes: Project) -> None:
    for _ in range(30):
        shoot(alice)
    people = [User.objects.create_user(f"r{at}@example.org") for at in range(20)]
    for _ in range(3):
        Hold.objects.all().delete()
        pages = at_once(*[lambda by=by: queues.serve(notes, Filter(), by=by, limit=2).photos for by in people])
        given_out = [photo.pk for photos in pages for photo in photos]
        assert len(given_out) == len(set(given_out)) >= 20  # and few go away empty-handed


def test_photo_is_given_out_again_when_its_lease_has_ended(
    alice: Phone, rosa: User, vera: User, notes: Project
) -> None:
    photo = shoot(alice)
    assert serve(notes, rosa) == [photo]
    assert serve(notes, vera) == []
    Hold.objects.update(until=Now() - dt.timedelta(seconds=1))
    assert serve(notes, vera) == [photo]
    assert Hold.objects.get().reviewer == vera
    assert serve(notes, rosa) == []


def test_lease_lasts_ten_minutes_and_asking_again_extends_it(alice: Phone, rosa: User, notes: Project) -> None:
    photo = shoot(alice)
    serve(notes, rosa)
    Hold.objects.update(until=Now() + dt.timedelta(seconds=5))
    serve(notes, rosa)
    in_nine = Now() + dt.timedelta(seconds=holds.HOLD_S - 60)
    assert Hold.objects.get(until__gt=in_nine, until__lte=Now() + dt.timedelta(seconds=holds.HOLD_S)).photo == photo


def test_released_photos_are_free_at_once_and_only_ones_own(
    alice: Phone, rosa: User, vera: User, notes: Project
) -> None:
    one, two = shoot(alice), shoot(alice)
    mine = queues.serve(notes, Filter(), by=rosa).photos
    assert holds.release(notes, [one.pk, two.pk], by=vera) == 0
    assert serve(notes, vera) == []
    assert holds.release(notes, [mine[0].pk, uuid.uuid4()], by=rosa) == 1
    assert serve(notes, vera) == [mine[0]]


def test_photo_decided_in_the_meantime_cannot_be_held(alice: Phone, rosa: User, vera: User) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=rosa)
    assert holds.take([photo], by=vera) == []
    assert not Hold.objects.exists()


def test_looking_at_decided_photos_holds_nothing(alice: Phone, rosa: User, vera: User, notes: Project) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    assert serve(notes, rosa, shown=Shown.REJECTED) == serve(notes, vera, shown=Shown.REJECTED) == [photo]
    assert not Hold.objects.exists()


# --- what it costs -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 3])
def test_queue_asks_the_same_queries_however_many_wait(
    alice: Phone, rosa: User, dim: Challenge, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        shoot(alice, challenge=dim)
    with django_assert_num_queries(4):  # photos, conditions of their challenges, holds, members of their stacks
        page = queues.serve(dim.project, Filter(), by=rosa)
        said = [
            (one.label, one.volunteer.nickname, one.challenge and list(one.challenge.conditions.all()))
            for one in page.photos
        ]
    assert len(said) == count
    with django_assert_num_queries(1):
        assert queues.count(dim.project, Filter())[0] == count

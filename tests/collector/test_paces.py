"""One's own pace: how many photos in an hour of work, and how often one agreed; nobody else's."""

import datetime as dt
import uuid

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from collector.domain import paces, undoing
from collector.domain.paces import Pace
from collector.enums import ReviewAction, ServedAs
from collector.models import Opinion, Photo, Project, Review
from foundation.models import User
from tests.collector.conftest import Phone
from tests.collector.reviewing import accept, reject, shoot, taken

pytestmark = pytest.mark.django_db


def decided(photo: Photo, by: User, at: dt.datetime) -> Review:
    """A row of an earlier day: history cannot be moved, so it is written there."""
    fields = {"photo": photo, "reviewer": by, "action": ReviewAction.ACCEPT, "label": photo.label}
    return Review.objects.create(**fields, decision=uuid.uuid4(), normalised_sha256="", created_at=at)


def test_pace_of_somebody_who_did_nothing_is_nothing(rosa: User, notes: Project) -> None:
    assert paces.measure(notes, rosa) == Pace(0, 0, (0, 0), (0, 0))
    assert paces.measure(notes, rosa).per_hour == 0


def test_pace_counts_photos_and_the_minutes_in_which_something_was_decided(
    alice: Phone, rosa: User, notes: Project
) -> None:
    photo, minute = shoot(alice), timezone.now().replace(second=0, microsecond=0) - dt.timedelta(hours=2)
    for minutes, seconds in ((0, 0), (0, 20), (0, 59), (1, 0), (47, 30)):
        decided(photo, rosa, minute + dt.timedelta(minutes=minutes, seconds=seconds))
    pace = paces.measure(notes, rosa)
    assert (pace.photos, pace.active_minutes, pace.per_hour) == (5, 3, 100)


def test_pace_forgets_what_is_older_than_a_week(alice: Phone, rosa: User, notes: Project) -> None:
    photo, week = shoot(alice), dt.timedelta(days=7)
    decided(photo, rosa, timezone.now() - week - dt.timedelta(minutes=1))
    decided(photo, rosa, timezone.now() - week + dt.timedelta(minutes=1))
    old = Opinion.objects.create(photo=photo, reviewer=rosa, served_as=ServedAs.SECOND, agrees=True, action="accept")
    Opinion.objects.filter(pk=old.pk).update(created_at=timezone.now() - week - dt.timedelta(minutes=1))
    assert paces.measure(notes, rosa) == Pace(1, 1, (0, 0), (0, 0))


def test_pace_is_of_one_person_in_one_project(alice: Phone, rosa: User, vera: User, notes: Project, otto: User) -> None:
    taken(accept(shoot(alice)), accept(shoot(alice)), by=rosa)
    taken(accept(shoot(alice)), by=vera)
    assert paces.measure(notes, rosa).photos == 2
    assert paces.measure(Project.objects.get(slug="coins"), rosa).photos == 0


def test_undoing_is_no_work_of_its_own(alice: Phone, rosa: User, notes: Project) -> None:
    undoing.undo(notes, taken(reject(shoot(alice)), by=rosa), by=rosa)
    assert paces.measure(notes, rosa).photos == 1


def test_pace_says_how_often_one_agreed(alice: Phone, rosa: User, vera: User, notes: Project) -> None:
    sent = [shoot(alice) for _ in range(4)]
    taken(*[accept(photo) for photo in sent], by=vera)
    for photo, served_as in zip(sent, [ServedAs.SECOND, ServedAs.SECOND, ServedAs.GOLD, ServedAs.GOLD], strict=True):
        Opinion.objects.create(photo=photo, reviewer=rosa, served_as=served_as)
    taken(accept(sent[0]), reject(sent[1]), accept(sent[2]), by=rosa)  # and one was not answered
    pace = paces.measure(notes, rosa)
    assert (pace.photos, pace.second, pace.gold) == (0, (1, 2), (1, 1))


def test_pace_asks_two_questions(
    alice: Phone, rosa: User, notes: Project, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    taken(accept(shoot(alice)), accept(shoot(alice)), by=rosa)
    with django_assert_num_queries(2):
        paces.measure(notes, rosa)

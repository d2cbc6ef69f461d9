"""Labels that look wrong to the model: a queue for reviewers, and a person's word is the last one."""

import uuid
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.test import Client

from collector.domain import decisions, filters, opinions, photos, projects, reviews, suspicions, undoing
from collector.domain.decisions import Verdict
from collector.domain.filters import Filter
from collector.domain.suspicions import Suspected
from collector.enums import DeletionCause, PhotoState, ReviewAction, Role, ServedAs, Shown
from collector.models import Opinion, Photo, Project, Suspicion
from foundation.models import User
from tests import pages
from tests.training import photos_kit as kit

pytestmark = pytest.mark.django_db
NIGHT = date(2026, 11, 21)


@pytest.fixture
def project() -> Project:
    return pages.make_project()


@pytest.fixture
def lead(project: Project) -> User:
    user = pages.make_user("lea@example.org")
    projects.add_member(project, user, Role.LEAD)
    return user


@pytest.fixture
def some(project: Project) -> list[Photo]:
    """Three photos of 5 euros, as a reviewer accepted them."""
    rosa = pages.make_user("rosa@example.org", reviews=project)
    waiting = kit.accept(project, kit.make_volunteers(1)[0], "5", 3, state=PhotoState.AWAITING_REVIEW)
    return [reviews.accept_photo(photo.pk, by=rosa) for photo in waiting]


def suspect(project: Project, found: list[Photo], night: date = NIGHT) -> int:
    likely = projects.get_label(project, "20").pk
    return suspicions.record(project, night, [Suspected(one.pk, likely, 0.9 - at / 10) for at, one in enumerate(found)])


def open_ones(project: Project) -> set[Photo]:
    return set(filters.select(project, Filter(shown=Shown.SUSPECTED)))


def decide(project: Project, photo: Photo, by: User, action: ReviewAction, label: str = "") -> uuid.UUID:
    decision = uuid.uuid4()
    (outcome,) = decisions.decide(project, decision, [Verdict(photo.pk, action, label)], by=by, again=True)
    assert outcome.problem is None
    return decision


def test_suspected_photos_are_a_queue_of_their_own(project: Project, some: list[Photo]) -> None:
    assert suspect(project, some[:2]) == 2
    assert open_ones(project) == set(some[:2])


def test_next_night_takes_the_place_of_the_open_ones(project: Project, some: list[Photo]) -> None:
    suspect(project, some[:2], NIGHT - timedelta(days=1))
    for _ in range(2):
        assert suspect(project, some[1:]) == 2
    assert {one.photo: one.night for one in Suspicion.objects.all()} == dict.fromkeys(some[1:], NIGHT)


@pytest.mark.parametrize(("action", "label"), [(ReviewAction.ACCEPT, ""), (ReviewAction.RELABEL, "20")])
def test_deciding_anew_settles_it_for_all_nights(
    project: Project, some: list[Photo], lead: User, action: ReviewAction, label: str
) -> None:
    suspect(project, some)
    decide(project, some[0], lead, action, label)
    assert open_ones(project) == set(some[1:])
    assert suspect(project, some) == 2
    assert open_ones(project) == set(some[1:])


def test_undone_decision_leaves_it_settled(project: Project, some: list[Photo], lead: User) -> None:
    suspect(project, some)
    decision = decide(project, some[0], lead, ReviewAction.ACCEPT)
    undoing.undo(project, decision, by=lead)
    assert some[0] not in open_ones(project)


def test_second_opinion_settles_it(project: Project, some: list[Photo]) -> None:
    vera = pages.make_user("vera@example.org", reviews=project)
    suspect(project, some)
    opinion = Opinion.objects.create(photo=some[0], reviewer=vera, served_as=ServedAs.SECOND)
    opinions.record(opinion, some[0], action=ReviewAction.ACCEPT, label=some[0].label, reason="", decision=uuid.uuid4())
    assert open_ones(project) == set(some[1:])


def test_photo_that_is_not_accepted_any_more_is_not_suspected(project: Project, some: list[Photo]) -> None:
    Photo.objects.filter(pk=some[0].pk).update(state=PhotoState.REJECTED)
    assert suspect(project, some) == 2


def test_suspicion_goes_with_its_photo(project: Project, some: list[Photo], storage: Path) -> None:
    suspect(project, some)
    photos.mark_erased([some[0].pk], DeletionCause.OWNER)
    assert {one.photo for one in Suspicion.objects.all()} == set(some[1:])


def test_another_project_s_suspicions_stay(project: Project, some: list[Photo]) -> None:
    signs = pages.make_project("signs", "Sign digits")
    suspect(project, some)
    assert suspect(signs, some) == 0  # nor may it suspect photos that are not its own
    assert open_ones(project) == set(some)


def test_the_surest_of_a_night_come_first_and_all_are_counted(project: Project, some: list[Photo]) -> None:
    suspect(project, some)
    shown, count = suspicions.of_night(project, NIGHT, 2)
    assert ([one.photo for one in shown], count) == (some[:2], 3)
    assert suspicions.of_night(project, NIGHT - timedelta(days=1), 2) == ([], 0)


def test_review_page_shows_the_queue_to_a_lead_who_may_decide(
    client: Client, project: Project, some: list[Photo], lead: User
) -> None:
    suspect(project, some[:1])
    client.force_login(lead)
    start = client.get("/review/euro/?shown=suspected").context["start"]
    assert [one["id"] for one in start["photos"]] == [str(some[0].pk)]
    assert (start["may_decide"], start["again"]) == (True, True)

"""What photos changed in the model: written once a night, told only where it is sure, gone with its volunteer."""

import uuid
from datetime import date, timedelta
from typing import Any

import pytest

from collector.domain import contributions, erasures, joining, projects, results
from collector.domain.contributions import Measured
from collector.domain.people import Person
from collector.models import Contribution, Label, Project, Result, Volunteer
from tests import pages
from tests.collector.racing import at_once

pytestmark = pytest.mark.django_db
NIGHT = date(2026, 11, 21)


@pytest.fixture
def project() -> Project:
    return pages.make_project()


@pytest.fixture
def anna() -> Volunteer:
    return pages.make_volunteer("Anna")[0]


def measured(who: Volunteer, **fields: Any) -> Measured:
    return Measured(**{"volunteer": who.pk, "photos": 20, "fixed": 9, "broken": 2, "low": 3, "high": 11, **fields})


def test_contribution_written_twice_stands_once(project: Project, anna: Volunteer) -> None:
    bob = pages.make_volunteer("Bob")[0]
    assert contributions.record(project, NIGHT, [measured(anna), measured(bob)]) == 2
    assert contributions.record(project, NIGHT, [measured(anna, fixed=12, labels={"20": 3})]) == 1
    row = Contribution.objects.get()
    assert (row.volunteer, row.fixed, row.labels) == (anna, 12, {"20": 3})


def test_latest_is_of_the_last_night_that_measured_somebody(project: Project, anna: Volunteer) -> None:
    bob = pages.make_volunteer("Bob")[0]
    contributions.record(project, NIGHT - timedelta(days=1), [measured(anna), measured(bob, photos=6)])
    contributions.record(project, NIGHT, [measured(anna, photos=30)])
    found = contributions.latest_of(project)
    assert {who: (row.night, row.photos) for who, row in found.items()} == {
        anna.pk: (NIGHT, 30),
        bob.pk: (NIGHT - timedelta(days=1), 6),
    }


def test_volunteer_is_told_what_their_photos_fixed_in_all(project: Project, anna: Volunteer) -> None:
    contributions.record(project, NIGHT, [measured(anna, labels={"20": 7})])
    (told,) = contributions.told_to(anna)
    assert (told.project, told.night, told.photos) == ("euro", NIGHT, 20)
    assert (told.fixed, told.low, told.high, told.labels) == (7, 3, 11, {"20": 7})


@pytest.mark.parametrize(
    "fields",
    [{"low": 0}, {"fixed": 1, "broken": 9, "low": -12, "high": -4, "labels": {"5": 1}}, {"photos": 4}],
    ids=["may be chance", "did harm", "few photos"],
)
def test_volunteer_is_told_no_change_yet(project: Project, anna: Volunteer, fields: dict[str, Any]) -> None:
    contributions.record(project, NIGHT, [measured(anna, **fields)])
    (told,) = contributions.told_to(anna)
    assert (told.fixed, told.labels) == (None, {})
    assert min(told.low, told.high) >= 0


def test_volunteer_is_told_once_for_each_project(project: Project, anna: Volunteer) -> None:
    signs = pages.make_project("signs", "Sign digits")
    for day in range(2):
        for one in (project, signs):
            contributions.record(one, NIGHT - timedelta(days=day), [measured(anna)])
    assert [(told.project, told.night) for told in contributions.told_to(anna)] == [("euro", NIGHT), ("signs", NIGHT)]


def test_guest_who_turned_out_to_be_somebody_keeps_what_was_measured(project: Project, anna: Volunteer) -> None:
    contributions.record(project, NIGHT, [measured(anna)])
    user = pages.make_user("anna@example.org")
    into, _ = pages.make_volunteer()
    joining.join_account(into.devices.get(), user)
    now = joining.join_account(anna.devices.get(), user)
    assert [told.fixed for told in contributions.told_to(now)] == [7]


# --- leaving -------------------------------------------------------------------------------------------------------
def test_contribution_goes_with_its_volunteer(project: Project, anna: Volunteer) -> None:
    contributions.record(project, NIGHT, [measured(anna)])
    erasures.ask_erasure(Person(volunteer=anna))
    assert not Contribution.objects.exists()


def test_contribution_of_somebody_who_left_meanwhile_is_not_written(project: Project, anna: Volunteer) -> None:
    erasures.ask_erasure(Person(volunteer=anna))
    assert contributions.record(project, NIGHT, [measured(anna), Measured(uuid.uuid4(), 9, 1, 0, 0, 1)]) == 0
    assert not Contribution.objects.exists()


# --- how often a label is right ------------------------------------------------------------------------------------
def test_results_written_twice_stand_once_in_the_order_of_labels_and_conditions(project: Project) -> None:
    five, ten = (projects.get_label(project, slug) for slug in ("5", "10"))
    dim, held = (project.conditions.get(slug=slug) for slug in ("dim", "held"))
    rows = [
        results.Measured(label.pk, condition, 3, 4, 0.3, 0.95)
        for label in (ten, five)
        for condition in (held.pk, dim.pk, None)
    ]
    for _ in range(2):
        results.record(project, NIGHT, rows)
    found = [(row.label.slug, row.condition and row.condition.slug) for row in results.of_night(project, NIGHT)]
    assert found == [("5", None), ("5", "dim"), ("5", "held"), ("10", None), ("10", "dim"), ("10", "held")]


@pytest.mark.django_db(transaction=True)
def test_results_written_by_two_at_once_stand_once(project: Project) -> None:
    label: Label = projects.get_label(project, "5")
    rows = [results.Measured(label.pk, None, 3, 4, 0.3, 0.95)]
    at_once(lambda: results.record(project, NIGHT, rows), lambda: results.record(project, NIGHT, rows))
    assert Result.objects.count() == 1


def test_photos_with_confirmed_conditions_are_the_accepted_ones_that_show_them(
    project: Project, anna: Volunteer
) -> None:
    pages.accept_many(project, anna)
    found = [len(conditions) for _, conditions in results.confirmed_photos(project)]
    assert (len(found), found.count(1), found.count(2)) == (230 + 41 + 12 + 30, 230 + 12 + 30, 41)

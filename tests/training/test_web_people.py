"""What the page of a night says of people and labels: to admins alone, and in a constant number of queries."""

from typing import Any

import pytest
from django.test import Client

from collector.domain import contributions, projects
from collector.domain.contributions import Measured
from collector.enums import Role
from collector.models import Project
from tests import pages

pytestmark = pytest.mark.django_db
PAGE = "/runs/euro/2026-11-21/"


@pytest.fixture
def project() -> Project:
    made = pages.make_project()
    pages.make_run(made)
    return made


@pytest.fixture
def admin(client: Client, project: Project) -> Client:
    user = pages.make_user("ada@example.org")
    projects.add_member(project, user, Role.ADMIN)
    client.force_login(user)
    return client


def measure(project: Project, count: int) -> None:
    people = [pages.make_volunteer(f"Volunteer {at}")[0] for at in range(count)]
    rows = [Measured(who.pk, 20 + at, 9 + at, 2, 3, 11, {"20": 7}) for at, who in enumerate(people)]
    contributions.record(project, pages.NIGHT, rows)


def text_of(client: Client) -> str:
    return " ".join(client.get(PAGE).content.decode().split())


@pytest.mark.parametrize("count", [1, 5])
def test_page_of_an_admin_asks_the_same_queries_however_many_volunteers(
    admin: Client, project: Project, count: int, django_assert_num_queries: Any
) -> None:
    measure(project, count)
    # session, user, project, membership, run, stages, nights, their stages, answers' stage, contributions, labels
    with django_assert_num_queries(11):
        answer = admin.get(PAGE)
    assert len(answer.context["people"]) == count


def test_admin_sees_who_helped_most_first_with_interval_and_labels(admin: Client, project: Project) -> None:
    measure(project, 2)
    rows = admin.get(PAGE).context["people"]
    assert [row["name"] for row in rows] == ["Volunteer 1", "Volunteer 0"]
    assert rows[1] == {
        "name": "Volunteer 0", "photos": 20, "fixed": 9, "broken": 2, "interval": "3 to 11", "told": "7",
        "labels": "20 euros (7)",
    }  # fmt: skip


def test_admin_sees_what_a_volunteer_is_not_told(admin: Client, project: Project) -> None:
    who, _ = pages.make_volunteer("Anna")
    contributions.record(project, pages.NIGHT, [Measured(who.pk, 20, 1, 4, -8, 2)])
    (row,) = admin.get(PAGE).context["people"]
    assert (row["interval"], row["told"], row["labels"]) == ("\N{MINUS SIGN}8 to 2", "no change yet", "")


def test_night_that_measured_nobody_says_so(admin: Client) -> None:
    assert "This night measured no volunteer's contribution." in text_of(admin)


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.LEAD])
def test_page_names_nobody_to_others(client: Client, project: Project, role: Role) -> None:
    measure(project, 1)
    user = pages.make_user("rosa@example.org")
    projects.add_member(project, user, role)
    client.force_login(user)
    page = text_of(client)
    assert "Volunteer 0" not in page
    assert "Whose photos helped" not in page

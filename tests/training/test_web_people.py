"""What the page of a night says of people and labels: to admins alone, and in a constant number of queries."""

from typing import Any

import pytest
from django.test import Client

from collector.domain import contributions, projects, suspicions
from collector.domain.contributions import Measured
from collector.domain.suspicions import Suspected
from collector.enums import Role
from collector.models import Photo, Project
from tests import pages
from tests.training import photos_kit as kit

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


@pytest.fixture
def member(client: Client, project: Project) -> Client:
    client.force_login(pages.make_user("rosa@example.org", reviews=project))
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
    # as below, contributions, labels
    with django_assert_num_queries(12):
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


# --- suspicious labels ---------------------------------------------------------------------------------------------
def suspect(project: Project, count: int) -> list[Photo]:
    photos = kit.accept(project, kit.make_volunteers(1)[0], "5", count)
    likely = projects.get_label(project, "20").pk
    found = [Suspected(photo.pk, likely, 0.95 - at / 100) for at, photo in enumerate(photos)]
    suspicions.record(project, pages.NIGHT, found)
    return photos


def test_suspicious_labels_are_pictures_that_lead_to_review(member: Client, project: Project) -> None:
    first, _ = suspect(project, 2)
    page = member.get(PAGE).context
    assert page["suspected"][0] == {
        "label": "5 euros", "likely": "20 euros", "margin": "95.0%", "thumbnail": f"/photos/{first.pk}/thumbnail",
        "details": f"/review/euro/photos/{first.pk}/",
    }  # fmt: skip
    text = text_of(member)
    assert "2 training photos look like another label" in text
    assert 'href="/review/euro/?shown=suspected"' in text


def test_one_suspicious_label_is_said_in_the_singular(member: Client, project: Project) -> None:
    suspect(project, 1)
    assert "1 training photo looks like another label" in text_of(member)


def test_night_without_suspicions_says_nothing_of_them(member: Client) -> None:
    assert "Suspicious labels" not in text_of(member)


@pytest.mark.parametrize("count", [1, 40])
def test_page_asks_the_same_queries_however_many_suspicions(
    member: Client, project: Project, count: int, django_assert_num_queries: Any
) -> None:
    suspect(project, count)
    # session, user, project, membership, run, stages, nights, their stages, answers' stage, suspicions
    with django_assert_num_queries(10):
        answer = member.get(PAGE)
    assert (len(answer.context["suspected"]), answer.context["suspected_count"]) == (min(count, 12), count)

"""The page that says what a project has enough of, and what is weakest."""

import re
import uuid

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from collector.domain import challenges, conditions, coverage, projects
from collector.enums import LabelState, PhotoState
from collector.models import Challenge, Photo, Project
from foundation.models import User
from tests.collector.conftest import Phone

pytestmark = pytest.mark.django_db
PAGE = "/coverage/notes/"


@pytest.fixture
def dim(notes: Project) -> Challenge:
    asked = conditions.get_conditions(notes, ["dim", "held"])
    return challenges.set_challenge(notes, challenges.local_day(notes), text="A note in dim light", conditions=asked)


def fill(by: Phone, slug: str, count: int, state: str = PhotoState.ACCEPTED, **fields: object) -> None:
    project = Project.objects.get(slug="notes")
    label = projects.get_label(project, slug)
    Photo.objects.bulk_create(
        Photo(
            id=uuid.uuid4(), project=project, volunteer=by.volunteer, label=label, state=state, size_bytes=1, **fields
        )
        for _ in range(count)
    )


def counts(project: Project) -> dict[tuple[str, str], int]:
    """Those that are not zero."""
    found = coverage.measure_coverage(project)
    cells = [cell for row in found.rows for cell in (row.total, *row.cells)]
    return {
        (cell.label.slug, cell.condition.slug if cell.condition else ""): cell.count for cell in cells if cell.count
    }


# --- what counts ---------------------------------------------------------------------------------------------------
def test_accepted_photo_counts_for_its_label_whether_or_not_it_has_a_challenge(
    alice: Phone, notes: Project, dim: Challenge
) -> None:
    fill(alice, "five", 2)
    fill(alice, "five", 1, challenge=dim)
    fill(alice, "five", 4, PhotoState.AWAITING_REVIEW)
    fill(alice, "five", 4, PhotoState.REJECTED, challenge=dim, condition_holds=True)
    assert counts(notes) == {("five", ""): 3}


def test_photo_counts_for_each_condition_of_its_challenge_once_a_reviewer_confirmed(
    alice: Phone, notes: Project, dim: Challenge
) -> None:
    fill(alice, "five", 3, challenge=dim, condition_holds=True)
    fill(alice, "five", 2, challenge=dim, condition_holds=False)
    fill(alice, "ten", 1, challenge=dim, condition_holds=None)
    assert counts(notes) == {("five", ""): 5, ("five", "dim"): 3, ("five", "held"): 3, ("ten", ""): 1}


def test_photos_of_another_project_do_not_count(alice: Phone, notes: Project) -> None:
    coins = projects.create_project("coins", name="Coins", labels=[("five", "5 cent")])
    Photo.objects.create(
        id=uuid.uuid4(), project=coins, volunteer=alice.volunteer, label=projects.get_label(coins, "five"),
        state=PhotoState.ACCEPTED, size_bytes=1,
    )  # fmt: skip
    assert counts(notes) == {}


def test_retired_labels_and_conditions_are_left_out(alice: Phone, notes: Project, dim: Challenge) -> None:
    fill(alice, "ten", 1, challenge=dim, condition_holds=True)
    fill(alice, "five", 1, challenge=dim, condition_holds=True)
    conditions.set_condition(notes, "held", is_retired=True)
    notes.labels.filter(slug="ten").update(state=LabelState.RETIRED)
    assert counts(notes) == {("five", ""): 1, ("five", "dim"): 1}


@pytest.mark.parametrize(
    ("count", "level", "missing"),
    [
        (0, "none", 30),
        (1, "few", 29),
        (29, "few", 1),
        (30, "prototype", 170),
        (199, "prototype", 1),
        (200, "robust", 0),
    ],
)
def test_marks_are_at_30_and_200(notes: Project, count: int, level: str, missing: int) -> None:
    cell = coverage.Cell(projects.get_label(notes, "five"), None, count)
    assert (cell.level, cell.missing) == (level, missing)


def test_weakest_come_first_and_what_is_robust_not_at_all(alice: Phone, notes: Project, dim: Challenge) -> None:
    fill(alice, "five", 200)
    fill(alice, "ten", 3, challenge=dim, condition_holds=True)
    weakest = [(cell.label.slug, cell.condition and cell.condition.slug) for cell in _weakest(notes, 99)]
    assert len(weakest) == 1 + 2 * len(conditions.USUAL)
    assert weakest[-3:] == [("ten", None), ("ten", "dim"), ("ten", "held")]
    assert ("five", None) not in weakest
    assert len(_weakest(notes, 4)) == 4


def test_label_without_any_photo_is_weak_once(alice: Phone, notes: Project) -> None:
    fill(alice, "five", 200)
    assert [cell.label.slug for cell in _weakest(notes, 99)] == ["ten"] + ["five"] * len(conditions.USUAL)


def _weakest(project: Project, limit: int) -> list[coverage.Cell]:
    return coverage.measure_coverage(project).weakest(limit)


# --- the page ------------------------------------------------------------------------------------------------------
def test_page_shows_counts_and_leads_to_what_waits(
    client: Client, alice: Phone, notes: Project, dim: Challenge, rosa: User
) -> None:
    fill(alice, "five", 31, challenge=dim, condition_holds=True)
    client.force_login(rosa)
    page = client.get(PAGE).content.decode()
    cell = re.search(r'<td class="level-prototype"><a href="([^"]+)">31<span class="spoken"> 5 euro, dim light<', page)
    assert cell is not None
    assert cell.group(1) == "/review/notes/?label=five&amp;condition=dim"
    assert "169 more for a robust model" in page
    assert client.get(cell.group(1).replace("&amp;", "&")).status_code == 200


@pytest.mark.parametrize("labels", [1, 3])
def test_page_asks_a_fixed_number_of_queries(
    client: Client, notes: Project, rosa: User, labels: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for at in range(labels):
        projects.add_label(notes, f"more-{at}")
        challenges.set_challenge(
            notes, challenges.local_day(notes).replace(day=at + 1), text="A note",
            conditions=conditions.get_conditions(notes, ["dim"]),
        )  # fmt: skip
    client.force_login(rosa)
    with django_assert_num_queries(8):
        assert client.get(PAGE).status_code == 200


def test_page_is_for_reviewers_of_the_project(client: Client, notes: Project, otto: User) -> None:
    assert client.get(PAGE).status_code == 302
    client.force_login(otto)
    assert client.get(PAGE).status_code == 403
    assert client.get("/coverage/nothing/").status_code == 404


def test_home_leads_there(client: Client, notes: Project, rosa: User) -> None:
    client.force_login(rosa)
    assert f'href="{PAGE}"' in client.get("/").content.decode()

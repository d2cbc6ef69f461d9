"""The review page's addresses: who gets in, what a decision answers, and that a repeat does no harm."""

import uuid
from typing import Any

import pytest
from django.test import Client

from collector.domain import projects, reviews
from collector.enums import PhotoState, RejectReason
from collector.models import Photo, Project, Review, Volunteer
from foundation.models import User
from tests import pages

pytestmark = pytest.mark.django_db
PAGE, QUEUE, DECISIONS = "/review/euro/", "/review/euro/queue", "/review/euro/decisions"
JSON = {"Accept": "application/json"}


@pytest.fixture
def project() -> Project:
    return pages.make_project()


@pytest.fixture
def anna() -> Volunteer:
    return pages.make_volunteer("Anna")[0]


@pytest.fixture
def rosa(project: Project) -> User:
    return pages.make_user("rosa@example.org", reviews=project, display_name="Rosa")


@pytest.fixture
def reviewer(client: Client, rosa: User) -> Client:
    client.force_login(rosa)
    return client


def decide(client: Client, photo: Photo | None, action: str, **more: str) -> Any:
    body = {"photo": str(photo.pk) if photo else None, "action": action, **more}
    return client.post(DECISIONS, body, content_type="application/json", headers=JSON)


def kind(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("/problems/")


# --- who gets in ---------------------------------------------------------------------------------------------------
def test_page_for_anonymous_leads_to_the_login(client: Client, project: Project) -> None:
    answer = client.get(PAGE)
    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={PAGE}")


def test_page_for_a_stranger_is_refused_in_words(client: Client, project: Project) -> None:
    client.force_login(pages.make_user("otto@example.org", reviews=pages.make_project("signs", "Sign digits")))
    answer = client.get(PAGE)
    assert answer.status_code == 403
    assert "You are not a reviewer of Euro notes." in answer.content.decode()


def test_page_for_a_superuser_opens(client: Client, project: Project) -> None:
    client.force_login(pages.make_user("root@example.org", is_superuser=True))
    assert client.get(PAGE).status_code == 200


def test_page_of_an_unknown_project_is_not_found(reviewer: Client) -> None:
    assert reviewer.get("/review/pounds/").status_code == 404


@pytest.mark.parametrize(("method", "address"), [("get", QUEUE), ("post", DECISIONS)])
def test_script_addresses_when_signed_out_say_so(client: Client, project: Project, method: str, address: str) -> None:
    answer = getattr(client, method)(address, headers=JSON)
    assert (answer.status_code, kind(answer)) == (401, "sign-in-needed")


@pytest.mark.parametrize(("method", "address"), [("get", QUEUE), ("post", DECISIONS)])
def test_script_addresses_for_a_stranger_are_refused(
    client: Client, project: Project, method: str, address: str
) -> None:
    client.force_login(pages.make_user("otto@example.org"))
    answer = getattr(client, method)(address, headers=JSON)
    assert (answer.status_code, kind(answer)) == (403, "not-a-reviewer")


def test_decision_without_csrf_token_is_refused(rosa: User, project: Project, anna: Volunteer) -> None:
    photo = pages.make_photo(project, anna)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(rosa)
    assert decide(strict, photo, "accept").status_code == 403
    photo.refresh_from_db()
    assert photo.state == PhotoState.AWAITING_REVIEW


# --- the queue -----------------------------------------------------------------------------------------------------
def test_page_carries_its_first_photo_and_all_choices(reviewer: Client, project: Project, anna: Volunteer) -> None:
    photo = pages.make_photo(project, anna, challenge=pages.make_challenge(project))
    answer = reviewer.get(PAGE)
    page = answer.content.decode()
    assert f'src="/photos/{photo.pk}/normalised"' in page
    assert all(reason.label in page for reason in RejectReason)
    assert all(name in page for _, name in pages.LABELS)
    assert answer.context["start"]["photos"] == [
        {
            "id": str(photo.pk),
            "image": f"/photos/{photo.pk}/normalised",
            "label": {"slug": "5", "name": "5 euros"},
            "nickname": "Anna",
            "challenge": "A 5 euro note, half folded, in dim light",
        }
    ]


def test_page_without_photos_says_so(reviewer: Client) -> None:
    page = reviewer.get(PAGE).content.decode()
    assert "Nothing is waiting for review" in page
    assert '<div class="review-body" id="work" hidden>' in page


def test_page_needs_no_inline_script_or_style(reviewer: Client, project: Project, anna: Volunteer) -> None:
    pages.make_photo(project, anna)
    page = reviewer.get(PAGE).content.decode()
    assert "style=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count('<script type="module" src=') + page.count('type="application/json"')


def test_queue_goes_on_after_the_last_seen(reviewer: Client, project: Project, anna: Volunteer) -> None:
    first, second, third = (pages.make_photo(project, anna) for _ in range(3))
    batch = reviewer.get(QUEUE, {"after": str(first.pk)}).json()
    assert [photo["id"] for photo in batch["photos"]] == [str(second.pk), str(third.pk)]
    assert (batch["left"], batch["end"]) == (3, True)


def test_queue_after_something_that_is_no_id(reviewer: Client) -> None:
    answer = reviewer.get(QUEUE, {"after": "last"}, headers=JSON)
    assert (answer.status_code, kind(answer)) == (400, "malformed-id")


@pytest.mark.parametrize("count", [1, 3])
def test_page_asks_the_same_queries_however_many_wait(
    reviewer: Client, project: Project, anna: Volunteer, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        pages.make_photo(project, anna, challenge=None)
    with django_assert_num_queries(7):  # session, user, project, membership, photos, count, labels
        reviewer.get(PAGE)
    with django_assert_num_queries(6):
        reviewer.get(QUEUE)


# --- decisions -----------------------------------------------------------------------------------------------------
def test_accept_is_recorded(reviewer: Client, rosa: User, project: Project, anna: Volunteer) -> None:
    photo = pages.make_photo(project, anna)
    answer = decide(reviewer, photo, "accept")
    assert (answer.status_code, answer.json()["photo"]["id"]) == (200, str(photo.pk))
    review = Review.objects.get()
    assert (review.photo, review.reviewer, review.action) == (photo, rosa, "accept")
    assert review.normalised_sha256 == photo.normalised_sha256


def test_reject_and_relabel_are_recorded(reviewer: Client, project: Project, anna: Volunteer) -> None:
    blurred, mistaken = pages.make_photo(project, anna), pages.make_photo(project, anna)
    decide(reviewer, blurred, "reject", reason="not_visible")
    decide(reviewer, mistaken, "relabel", label="20")
    blurred.refresh_from_db()
    mistaken.refresh_from_db()
    assert (blurred.state, mistaken.state) == (PhotoState.REJECTED, PhotoState.ACCEPTED)
    assert mistaken.label is not None
    assert mistaken.label.slug == "20"


@pytest.mark.parametrize(
    ("action", "more"), [("accept", {}), ("reject", {"reason": "privacy"}), ("relabel", {"label": "20"})]
)
def test_decision_sent_twice_is_recorded_once(
    reviewer: Client, project: Project, anna: Volunteer, action: str, more: dict[str, str]
) -> None:
    photo = pages.make_photo(project, anna)
    assert [decide(reviewer, photo, action, **more).status_code for _ in range(2)] == [200, 200]
    assert Review.objects.count() == 1


def test_undo_sent_twice_takes_back_one_decision(reviewer: Client, project: Project, anna: Volunteer) -> None:
    kept, undone = pages.make_photo(project, anna), pages.make_photo(project, anna)
    decide(reviewer, kept, "accept")
    decide(reviewer, undone, "accept")
    assert [decide(reviewer, undone, "undo").status_code for _ in range(2)] == [200, 200]
    kept.refresh_from_db()
    undone.refresh_from_db()
    assert (kept.state, undone.state) == (PhotoState.ACCEPTED, PhotoState.AWAITING_REVIEW)


def test_undo_of_a_photo_that_was_not_the_last_is_refused(reviewer: Client, project: Project, anna: Volunteer) -> None:
    first, last = pages.make_photo(project, anna), pages.make_photo(project, anna)
    decide(reviewer, first, "accept")
    decide(reviewer, last, "accept")
    answer = decide(reviewer, first, "undo")
    assert (answer.status_code, kind(answer)) == (409, "not-the-last-decision")


def test_undo_without_a_photo_takes_back_the_last(reviewer: Client, project: Project, anna: Volunteer) -> None:
    photo = pages.make_photo(project, anna)
    decide(reviewer, photo, "accept")
    assert decide(reviewer, None, "undo").json()["photo"]["id"] == str(photo.pk)
    assert decide(reviewer, None, "undo").json() == {"photo": None}


def test_conflict_says_who_and_what(reviewer: Client, project: Project, anna: Volunteer) -> None:
    photo = pages.make_photo(project, anna)
    bob = pages.make_user("bob@example.org", reviews=project, display_name="Bob")
    reviews.reject_photo(photo.pk, by=bob, reason=RejectReason.PRIVACY)
    answer = decide(reviewer, photo, "accept")
    assert (answer.status_code, kind(answer)) == (409, "already-reviewed")
    assert answer.json()["detail"] == "Bob has already rejected this photo (privacy)."


def test_decision_that_differs_from_my_own_is_a_conflict(reviewer: Client, project: Project, anna: Volunteer) -> None:
    photo = pages.make_photo(project, anna)
    decide(reviewer, photo, "reject", reason="privacy")
    assert decide(reviewer, photo, "reject", reason="unsafe").status_code == 409
    assert decide(reviewer, photo, "accept").status_code == 409


def test_photo_of_another_project_is_not_found(reviewer: Client, rosa: User, anna: Volunteer) -> None:
    signs = pages.make_project("signs", "Sign digits")
    other = pages.make_photo(signs, anna)
    projects.add_member(signs, rosa)  # even where she may review both: not through this page
    answer = decide(reviewer, other, "accept")
    assert (answer.status_code, kind(answer)) == (404, "unknown-photo")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        '{"action": "accept", "photo": 5}',
        '{"action": "burn"}',
        '{"photo": "x", "action": "accept"}',
        "\xff",
    ],
)
def test_decision_that_makes_no_sense_is_refused(reviewer: Client, body: str) -> None:
    answer = reviewer.post(DECISIONS, body.encode("latin-1"), content_type="application/json", headers=JSON)
    assert answer.status_code == 400
    assert not Review.objects.exists()


@pytest.mark.parametrize(("more", "problem"), [({"reason": "ugly"}, "unknown-reason"), ({}, "unknown-reason")])
def test_reject_without_a_known_reason_is_refused(
    reviewer: Client, project: Project, anna: Volunteer, more: dict[str, str], problem: str
) -> None:
    answer = decide(reviewer, pages.make_photo(project, anna), "reject", **more)
    assert (answer.status_code, kind(answer)) == (400, problem)


def test_unknown_photo_is_not_found(reviewer: Client) -> None:
    answer = decide(reviewer, Photo(id=uuid.uuid4()), "accept")
    assert (answer.status_code, kind(answer)) == (404, "unknown-photo")

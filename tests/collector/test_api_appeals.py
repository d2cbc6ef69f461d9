"""Appeals as phones send them."""

import json
import uuid
from typing import TYPE_CHECKING

import pytest

from collector.domain import decisions, projects, reviews
from collector.domain.decisions import Verdict
from collector.enums import ReviewAction, Role
from foundation.models import User
from tests.collector.conftest import API, Phone, check_problem, send

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db


def ask(phone: Phone, photo_id: uuid.UUID, body: str = "{}") -> "Answer":
    return phone.client.post(
        f"{API}/photos/{photo_id}/appeal", body, content_type="application/json", headers=phone.headers
    )


def test_appeal_is_open_until_a_lead_decides_anew(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    reviews.reject_photo(photo.pk, by=rosa, reason="not_visible")
    assert json.loads(alice.get(photo.pk).content)["appeal"] is None
    said = json.loads(ask(alice, photo.pk, '{"text": "It is the old series"}').content)
    assert (said["photo"], said["appeal"]) == (str(photo.pk), "open")
    assert json.loads(alice.get(photo.pk).content)["appeal"] == "open"
    projects.add_member(photo.project, rosa, Role.LEAD)
    verdict = Verdict(photo.pk, ReviewAction.ACCEPT)
    decisions.decide(photo.project, uuid.uuid4(), [verdict], by=rosa, again=True)
    shown = json.loads(alice.get(photo.pk).content)
    assert (shown["state"], shown["appeal"], shown["reason"], shown["reason_code"]) == ("accepted", "accepted", "", "")


def test_appeal_sent_twice_is_one(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    reviews.reject_photo(photo.pk, by=rosa, reason="duplicate")
    first, second = ask(alice, photo.pk), ask(alice, photo.pk, '{"text": "please"}')
    assert (first.status_code, first.content) == (200, second.content)
    assert photo.appeals.count() == 1


def test_appeal_for_a_photo_that_is_not_rejected_is_refused(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    check_problem(ask(alice, photo.pk), 409, "nothing-to-appeal")
    reviews.reject_photo(photo.pk, by=rosa, reason="privacy")
    check_problem(ask(alice, photo.pk), 409, "nothing-to-appeal")


def test_appeal_for_anothers_photo_does_not_exist(alice: Phone, bob: Phone, rosa: User) -> None:
    photo = send(alice)
    reviews.reject_photo(photo.pk, by=rosa, reason="unsafe")
    check_problem(ask(bob, photo.pk), 404, "unknown-photo")


@pytest.mark.parametrize("body", ['{"text": 7}', '{"words": "x"}', "[]", '{"text": "' + "x" * 501 + '"}'])
def test_appeal_that_makes_no_sense_is_refused(alice: Phone, rosa: User, body: str) -> None:
    photo = send(alice)
    reviews.reject_photo(photo.pk, by=rosa, reason="unsafe")
    assert ask(alice, photo.pk, body).status_code == 400
    assert not photo.appeals.exists()


def test_private_photo_is_told_kindly_and_with_its_reason(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    reviews.reject_photo(photo.pk, by=rosa, reason="privacy")
    shown = json.loads(alice.get(photo.pk).content)
    assert (shown["state"], shown["reason_code"], shown["urls"]) == ("deleted", "privacy", None)
    assert "kept no copy" in shown["reason"]

"""Have you got these? What a phone hears for what it sent, what it did not, and what the server lost."""

import hashlib
import json
import logging
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from pytest_django import DjangoAssertNumQueries

from collector.models import LostPhoto, Photo
from tests.collector.conftest import API, Phone, check_problem, jpeg, send

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db
OTHER = "0" * 64


def ask(phone: Phone, *photos: dict[str, Any], query: str = "") -> "Answer":
    return phone.client.post(
        f"{API}/photos/reconcile{query}",
        json.dumps({"photos": photos}),
        content_type="application/json",
        headers=phone.headers,
    )


def held(phone: Phone, **asked: Any) -> dict[str, Any]:
    (answer,) = json.loads(ask(phone, asked).content)["photos"]
    return dict(answer)


def put(phone: Phone, seed: int = 0) -> dict[str, Any]:
    """The receipt of a new photo."""
    return dict(json.loads(phone.put(jpeg(seed), uuid.uuid4()).content))


def forget(receipt: dict[str, Any]) -> None:
    """As a database restored from last week's backup does."""
    Photo.objects.filter(pk=receipt["photo"]).delete()


# --- what is held --------------------------------------------------------------------------------------------------
def test_stored_photo_is_answered_with_state_and_receipt(alice: Phone) -> None:
    receipt = put(alice)
    said = {"photo": receipt["photo"], "held": "stored", "state": "received", "receipt": receipt}
    assert held(alice, photo=receipt["photo"]) == said
    assert held(alice, photo=receipt["photo"], sha256=receipt["sha256"]) == said
    assert held(alice, photo=receipt["photo"], receipt=receipt) == said


def test_answers_come_in_the_order_asked_and_are_not_kept(alice: Phone) -> None:
    receipts = [put(alice, seed) for seed in range(3)]
    answer = ask(alice, *[{"photo": one["photo"]} for one in reversed(receipts)], {"photo": receipts[0]["photo"]})
    asked = [receipts[at]["photo"] for at in (2, 1, 0, 0)]
    assert [one["photo"] for one in json.loads(answer.content)["photos"]] == asked
    assert answer["Cache-Control"] == "no-store"


def test_unknown_photo_is_missing(alice: Phone) -> None:
    photo = str(uuid.uuid4())
    assert held(alice, photo=photo) == {"photo": photo, "held": "missing", "state": None, "receipt": None}


def test_photo_with_other_bytes_is_told_with_what_is_stored(alice: Phone) -> None:
    receipt = put(alice)
    said = held(alice, photo=receipt["photo"], sha256=OTHER)
    assert (said["held"], said["receipt"]) == ("other_bytes", receipt)


def test_deleted_photo_is_told_whatever_its_bytes(alice: Phone) -> None:
    photo = send(alice)
    alice.delete(photo.pk)
    for sha256 in ("", OTHER, photo.sha256):
        said = held(alice, photo=str(photo.pk), sha256=sha256)
        assert (said["held"], said["state"], said["receipt"]) == ("deleted", "deleted", None)


def test_others_photo_is_answered_as_one_that_does_not_exist(alice: Phone, bob: Phone) -> None:
    receipt = put(bob)
    nowhere = {"photo": str(uuid.uuid4()), "sha256": receipt["sha256"], "receipt": receipt}
    theirs = {**nowhere, "photo": receipt["photo"]}
    for leave_out in ((), ("receipt",), ("sha256", "receipt")):
        answers = []
        for one in (theirs, nowhere):
            said = held(alice, **{name: value for name, value in one.items() if name not in leave_out})
            assert said.pop("photo") == one["photo"]
            answers.append(said)
        assert answers == [{"held": "missing", "state": None, "receipt": None}] * 2
    assert not LostPhoto.objects.exists()  # it is here, only not hers


# --- what was lost -------------------------------------------------------------------------------------------------
def test_receipt_without_a_photo_is_a_loss_counted_once(alice: Phone, caplog: pytest.LogCaptureFixture) -> None:
    receipt = put(alice)
    forget(receipt)
    for _ in range(2):
        assert held(alice, photo=receipt["photo"], receipt=receipt)["held"] == "missing"
    lost = LostPhoto.objects.get()
    assert (str(lost.photo_id), lost.sha256, lost.size_bytes) == tuple(
        receipt[k] for k in ("photo", "sha256", "size_bytes")
    )
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert errors[0].startswith(f"photo.lost photo={receipt['photo']}")


def test_lost_photo_can_be_sent_again(alice: Phone) -> None:
    receipt = put(alice)
    forget(receipt)
    held(alice, photo=receipt["photo"], receipt=receipt)
    assert alice.put(jpeg(), uuid.UUID(receipt["photo"])).status_code in {200, 201}
    assert held(alice, photo=receipt["photo"], receipt=receipt)["held"] == "stored"


def test_receipt_for_other_bytes_than_are_stored_is_a_loss(alice: Phone) -> None:
    receipt = put(alice)
    sha256 = hashlib.sha256(b"what else").hexdigest()
    Photo.objects.update(sha256=sha256)
    assert held(alice, photo=receipt["photo"], receipt=receipt)["held"] == "other_bytes"
    assert LostPhoto.objects.get().sha256 == receipt["sha256"]


def test_receipt_of_a_deleted_photo_is_no_loss(alice: Phone) -> None:
    receipt = put(alice)
    alice.delete(receipt["photo"])
    assert held(alice, photo=receipt["photo"], receipt=receipt)["held"] == "deleted"
    assert not LostPhoto.objects.exists()


@pytest.mark.parametrize("change", [{"signature": "invented"}, {"signature": ""}, {"size_bytes": 1}, {"sha256": OTHER}])
def test_receipt_that_is_not_ours_is_no_loss(alice: Phone, change: dict[str, Any]) -> None:
    receipt = put(alice)
    forget(receipt)
    assert held(alice, photo=receipt["photo"], receipt={**receipt, **change})["held"] == "missing"
    assert not LostPhoto.objects.exists()


# --- how it is asked -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 3, 500])
def test_reconcile_takes_two_statements_however_many(
    alice: Phone, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    receipts = [put(alice, seed) for seed in range(min(count, 3))]
    asked = [{"photo": one["photo"], "receipt": one} for one in receipts]
    asked += [{"photo": str(uuid.uuid4()), "sha256": OTHER} for _ in range(count - len(asked))]
    with django_assert_num_queries(2):  # the token, the photos
        answer = ask(alice, *asked)
    assert len(json.loads(answer.content)["photos"]) == count


def test_reconcile_with_losses_takes_one_statement_more(
    alice: Phone, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    receipts = [put(alice, seed) for seed in range(3)]
    Photo.objects.all().delete()
    with django_assert_num_queries(3):
        ask(alice, *[{"photo": one["photo"], "receipt": one} for one in receipts])
    assert LostPhoto.objects.count() == 3


def test_reconcile_of_nothing_is_fine(alice: Phone) -> None:
    assert json.loads(ask(alice).content) == {"photos": []}


@pytest.mark.parametrize(
    "photo",
    [
        {},
        {"photo": "17"},
        {"photo": str(uuid.UUID(int=1)), "sha256": "ABC"},
        {"photo": str(uuid.UUID(int=1)), "sha-256": OTHER},
        {"photo": str(uuid.UUID(int=1)), "receipt": {"sha256": OTHER}},
        {"photo": str(uuid.UUID(int=1)), "receipt": "eyJ"},
    ],
    ids=["no id", "no uuid", "no digest", "unknown member", "half a receipt", "a receipt that is text"],
)
def test_reconcile_of_what_cannot_be_read_is_refused(alice: Phone, photo: dict[str, Any]) -> None:
    check_problem(ask(alice, photo), 400, "invalid-parameter")


def test_reconcile_of_more_than_500_is_refused(alice: Phone) -> None:
    check_problem(ask(alice, *[{"photo": str(uuid.UUID(int=1))}] * 501), 400, "invalid-parameter")


def test_reconcile_without_token_or_with_a_query_is_refused(alice: Phone) -> None:
    check_problem(ask(alice, query="?x=1"), 400, "unknown-parameter")
    alice.token = "made-up"
    check_problem(ask(alice), 401, "not-signed-in")

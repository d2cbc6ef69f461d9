"""Asking after photos and erasing them, as phones in the field rely on it."""

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from collector.domain import normalising, photos, reviews, words
from collector.enums import PhotoState, RejectReason
from collector.models import Photo
from foundation.models import User
from tests.collector.conftest import API, Phone, check_problem, in_json, jpeg, send, stored

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.django_db


# --- GET -----------------------------------------------------------------------------------------------------------
def test_get_tells_how_the_photo_is_doing(alice: Phone) -> None:
    photo_id = uuid.uuid4()
    alice.put(jpeg(), photo_id)
    answer = alice.get(photo_id)
    photo = Photo.objects.get(pk=photo_id)
    assert answer["Cache-Control"] == "no-store"
    assert json.loads(answer.content) == {
        "photo": str(photo_id),
        "project": "notes",
        "label": "five",
        "state": "received",
        "reason": "",
        "reason_code": "",
        "appeal": None,
        "received_at": in_json(photo.received_at),
        "is_late": False,
        "urls": None,
    }
    normalising.normalise_photo(photo_id)
    shown = json.loads(alice.get(photo_id).content)
    assert shown["state"] == "awaiting_review"
    assert shown["urls"] == {
        "normalised": f"/photos/{photo_id}/normalised",
        "thumbnail": f"/photos/{photo_id}/thumbnail",
    }


def test_get_rejected_says_why_in_words(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    reviews.reject_photo(photo.pk, by=rosa, reason="not_visible")
    shown = json.loads(alice.get(photo.pk).content)
    assert (shown["state"], shown["reason"]) == ("rejected", words.REASONS[RejectReason.NOT_VISIBLE])


@pytest.mark.parametrize("method", ["get", "delete"])
def test_others_photo_does_not_exist(alice: Phone, bob: Phone, method: str) -> None:
    photo = send(alice)
    check_problem(getattr(bob, method)(photo.pk), 404, "unknown-photo")
    check_problem(getattr(bob, method)(uuid.uuid4()), 404, "unknown-photo")
    assert Photo.objects.get(pk=photo.pk).state == PhotoState.AWAITING_REVIEW


@pytest.mark.parametrize("method", ["get", "delete"])
def test_photo_without_token_or_with_strange_query_is_refused(alice: Phone, method: str) -> None:
    answer = getattr(Client(), method)(f"{API}/photos/{uuid.uuid4()}")
    check_problem(answer, 401, "not-signed-in")
    assert answer["WWW-Authenticate"] == "Bearer"
    check_problem(getattr(alice, method)(uuid.uuid4(), "?x=1"), 400, "unknown-parameter")
    check_problem(getattr(alice, method)("17"), 400, "invalid-parameter")


def test_photo_takes_no_other_method(alice: Phone) -> None:
    check_problem(alice.client.post(f"{API}/photos/{uuid.uuid4()}", headers=alice.headers), 405, "method-not-allowed")


# --- DELETE --------------------------------------------------------------------------------------------------------
def test_delete_erases_every_byte_and_keeps_a_tombstone(alice: Phone, storage: Path) -> None:
    photo = send(alice)
    assert len(stored(storage)) == 3
    answer = alice.delete(photo.pk)
    assert (answer.status_code, answer.content) == (204, b"")
    assert stored(storage) == []
    photo.refresh_from_db()
    assert (photo.state, photo.look_hash, photo.scores, photo.captured_at) == (PhotoState.DELETED, "", {}, None)
    assert (photo.look64, photo.measurements, photo.remarks) == (None, {}, [])
    assert photo.original_deleted_at is not None
    shown = json.loads(alice.get(photo.pk).content)
    assert (shown["state"], shown["urls"]) == ("deleted", None)


def test_delete_replay_is_fine(alice: Phone) -> None:
    photo = send(alice)
    assert [alice.delete(photo.pk).status_code for _ in range(3)] == [204, 204, 204]


def test_delete_before_normalising_leaves_nothing_to_do(alice: Phone, storage: Path) -> None:
    photo_id = uuid.uuid4()
    alice.put(jpeg(), photo_id)
    alice.delete(photo_id)
    assert not normalising.normalise_photo(photo_id)
    assert stored(storage) == []
    assert Photo.objects.get(pk=photo_id).state == PhotoState.DELETED


@pytest.mark.parametrize("seed", [1, 2], ids=["same bytes", "other bytes"])
def test_put_cannot_bring_a_deleted_photo_back(alice: Phone, storage: Path, seed: int) -> None:
    photo_id = uuid.uuid4()
    alice.put(jpeg(1), photo_id)
    alice.delete(photo_id)
    check_problem(alice.put(jpeg(seed), photo_id), 410, "photo-deleted")
    assert stored(storage) == []


def test_delete_with_storage_away_is_done_later(alice: Phone, storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = send(alice)
    with monkeypatch.context() as patched:

        def refuse(_path: Path, *, missing_ok: bool = False) -> None:
            raise OSError(30, "Read-only file system")

        patched.setattr(Path, "unlink", refuse)
        assert alice.delete(photo.pk).status_code == 204
    assert json.loads(alice.get(photo.pk).content)["state"] == "deleted"
    assert len(stored(storage)) == 3
    assert photos.erase_photo(photo.pk)  # what the reconciler rings for
    assert stored(storage) == []

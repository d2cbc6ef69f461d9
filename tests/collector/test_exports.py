"""Taking everything along: a zip for its owner alone, for some days. Over HTTP."""

import datetime as dt
import io
import json
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from collector.domain import archives, exports, photos, reviews, words
from collector.domain.people import Person, person_of_user
from collector.enums import RejectReason
from collector.models import Export
from foundation import blobs, jobs
from foundation.enums import JobState
from foundation.models import Job, User
from tests.collector.conftest import API, Phone, check_problem, send, stored
from tests.collector.racing import at_once
from tests.collector.signing_in import join, sign_up

pytestmark = pytest.mark.django_db(transaction=True)


def ask(phone: Phone) -> Any:
    return phone.client.post(f"{API}/exports", headers=phone.headers)


def look(phone: Phone, export_id: str, more: str = "") -> Any:
    return phone.client.get(f"{API}/exports/{export_id}{more}", headers=phone.headers)


def make(phone: Phone) -> str:
    """Asked for, and made as a worker would."""
    export_id = str(ask(phone).json()["export"])
    assert exports.make_export(uuid.UUID(export_id))
    return export_id


def unzip(answer: Any) -> zipfile.ZipFile:
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert archive.testzip() is None
    return archive


def read(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(archive.read(f"{name}.json"))


def test_export_holds_photos_reviews_in_words_and_pixels(alice: Phone, bob: Phone, rosa: User, storage: Path) -> None:
    good, bad, gone = send(alice, 1), send(alice, 2), send(alice, 3)
    others = send(bob, 4)
    reviews.accept_photo(good.pk, by=rosa)
    reviews.reject_photo(bad.pk, by=rosa, reason="not_visible")
    photos.delete_photo(alice.volunteer, gone.pk)
    archive = unzip(look(alice, make(alice), "/file"))
    rows = {row["photo"]: row for row in read(archive, "photos")}
    assert set(rows) == {str(good.pk), str(bad.pk), str(gone.pk)}
    assert [review["said"] for review in rows[str(good.pk)]["reviews"]] == ["A reviewer accepted this photo as 5 euro."]
    assert rows[str(bad.pk)]["reviews"][0]["said"] == words.REASONS[RejectReason.NOT_VISIBLE]
    assert rows[str(gone.pk)]["why"] == "Owner"
    assert "Rosa" not in archive.read("photos.json").decode()  # what others are called is not theirs to take
    assert archive.read(f"photos/{good.pk}.jpg") == blobs.read(photos.normalised_key(good.pk))
    names = {name for name in archive.namelist() if name.startswith("photos/")}
    assert names == {f"photos/{good.pk}.jpg", f"photos/{bad.pk}.jpg"}
    assert f"photos/{others.pk}.jpg" not in names


def test_export_holds_account_devices_and_consents(alice: Phone, storage: Path) -> None:
    join(alice, sign_up("anna@example.org"))
    archive = unzip(look(alice, make(alice), "/file"))
    (account,) = read(archive, "account")
    assert account["email"] == "anna@example.org"
    assert account["addresses"] == [{"email": "anna@example.org", "verified": True}]
    assert len(account["sessions"]) == 1
    assert [row["revoked_at"] for row in read(archive, "devices")] == [None]
    (consent,) = read(archive, "consents")
    assert consent["version"] == "2026-11"
    assert "teach an app" in consent["text"]


def test_export_of_a_reviewer_holds_their_decisions(alice: Phone, rosa: User, storage: Path) -> None:
    photo = send(alice)
    reviews.reject_photo(photo.pk, by=rosa, reason="privacy")
    export = exports.ask_export(person_of_user(rosa))
    assert exports.make_export(export.pk)
    archive = zipfile.ZipFile(exports.open_export(Export.objects.get()))
    assert [(row["photo"], row["reason"]) for row in read(archive, "decisions")] == [(str(photo.pk), "privacy")]
    assert read(archive, "photos") == []
    assert read(archive, "account")[0]["roles"] == [{"project": "Notes", "role": "Reviewer"}]


def test_export_says_how_far_it_is(alice: Phone, storage: Path) -> None:
    send(alice)
    asked = ask(alice)
    assert (asked.status_code, asked.json()["state"]) == (202, "making")
    check_problem(look(alice, asked.json()["export"], "/file"), 409, "export-not-ready")
    exports.make_export(uuid.UUID(asked.json()["export"]))
    ready = look(alice, asked.json()["export"]).json()
    assert (ready["state"], ready["photos_done"], ready["photos_total"]) == ("ready", 1, 1)
    assert ready["size_bytes"] == blobs.size(f"exports/{ready['export']}.zip")
    expires = dt.datetime.fromisoformat(ready["expires_at"])
    assert dt.timedelta(days=6, hours=23) < expires - timezone.now() < dt.timedelta(days=7)


def test_export_is_for_its_owner_alone(alice: Phone, bob: Phone, charlie: User, client: Client, storage: Path) -> None:
    export_id = make(alice)
    for path in ("", "/file"):
        check_problem(look(bob, export_id, path), 404, "unknown-export")
    client.force_login(charlie)
    assert client.get(f"/account/exports/{export_id}").status_code == 404
    check_problem(client.get(f"{API}/exports/{export_id}/file"), 401, "not-signed-in")


def test_export_asked_twice_is_made_once(alice: Phone, storage: Path) -> None:
    answers = at_once(*[lambda: ask(Phone(alice.volunteer, alice.token)) for _ in range(4)])
    assert len({answer.json()["export"] for answer in answers}) == 1
    assert Job.objects.filter(kind=exports.EXPORT).count() == 1


def test_export_asked_again_replaces_the_old_one(alice: Phone, storage: Path) -> None:
    old = make(alice)
    new = make(alice)
    check_problem(look(alice, old), 404, "unknown-export")
    assert stored(storage) == [f"exports/{new}.zip"]


def test_export_is_made_once_however_often_it_is_rung(alice: Phone, storage: Path) -> None:
    export_id = uuid.UUID(ask(alice).json()["export"])
    done = at_once(*[lambda: exports.make_export(export_id)] * 4)
    assert done.count(True) == 1
    assert not exports.make_export(export_id)


def test_export_that_failed_is_tried_again_when_asked(alice: Phone, storage: Path) -> None:
    export_id = ask(alice).json()["export"]
    Job.objects.filter(kind=exports.EXPORT).update(state=JobState.QUARANTINED)
    assert look(alice, export_id).json()["state"] == "failed"
    assert ask(alice).json() | {"state": "making"} == ask(alice).json()
    assert jobs.find(exports.EXPORT, export_id).state == JobState.QUEUED
    assert exports.make_export(uuid.UUID(export_id))


def test_export_is_gone_after_its_days(alice: Phone, storage: Path) -> None:
    export_id = make(alice)
    Export.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    check_problem(look(alice, export_id, "/file"), 404, "unknown-export")
    assert exports.delete_expired() == 1
    assert stored(storage) == []
    assert not Export.objects.exists()


def test_export_without_a_photo_that_was_erased_meanwhile_goes_on(
    alice: Phone, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted((send(alice, 1), send(alice, 2)), key=lambda photo: photo.pk)
    opened = blobs.open

    def erase_first(key: str) -> Any:
        if key == photos.normalised_key(first.pk):
            photos.delete_photo(alice.volunteer, first.pk)
        return opened(key)

    monkeypatch.setattr(blobs, "open", erase_first)
    export = exports.ask_export(Person(volunteer=alice.volunteer))
    archives.write_archive(export)
    archive = zipfile.ZipFile(opened(archives.blob_key(export)))
    assert [name for name in archive.namelist() if name.startswith("photos/")] == [f"photos/{second.pk}.jpg"]

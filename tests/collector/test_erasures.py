"""Leaving: at once nobody sees anything any more, a job deletes the bytes, and a dated receipt stays. Over HTTP."""

import hashlib
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.test import Client

from collector.domain import archives, erasures, exports, normalising, photos, projects, queues, reviews, uploads
from collector.domain.people import Person, person_of_user
from collector.enums import DeletionCause, PhotoState
from collector.models import Device, Erasure, Membership, Photo, Project, Review, Volunteer
from foundation import blobs
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import API, Phone, check_problem, jpeg, send, stored
from tests.collector.racing import at_once
from tests.collector.signing_in import join, sign_in, sign_up

pytestmark = pytest.mark.django_db(transaction=True)
ANNA = "anna@example.org"
YES = {"erase_everything": True}


def erase(phone: Phone, body: Any = YES) -> Any:
    return phone.client.post(f"{API}/erasures", body, "application/json", headers=phone.headers)


def test_guest_erases_everything_and_keeps_a_receipt(alice: Phone, bob: Phone, storage: Path) -> None:
    send(alice, 1), send(alice, 2)
    kept = send(bob, 3)
    receipt = erase(alice)
    assert receipt.status_code == 202
    assert (receipt.json()["photos"], receipt.json()["finished_at"]) == (2, None)
    assert erasures.carry_out(uuid.UUID(receipt.json()["erasure"]))
    seen = Client().get(f"{API}/erasures/{receipt.json()['erasure']}").json()
    assert seen["asked_at"] == receipt.json()["asked_at"]
    assert seen["finished_at"] is not None
    assert {name.split("/")[1] for name in stored(storage)} == {str(kept.pk)}


def test_erased_photos_are_tombstones_that_say_why(alice: Phone, storage: Path) -> None:
    photo = send(alice)
    erase(alice)
    photo.refresh_from_db()
    assert (photo.state, photo.deleted_because) == (PhotoState.DELETED, DeletionCause.ACCOUNT)
    assert photo.deleted_at is not None
    assert (photo.look_hash, photo.measurements, photo.scores, photo.captured_at) == ("", {}, {}, None)
    assert photo.consent.text.version == "2026-11"  # the proof that it was learned from rightly


def test_photo_deleted_by_its_owner_says_so(alice: Phone, storage: Path) -> None:
    photo = send(alice)
    alice.delete(photo.pk)
    photo.refresh_from_db()
    assert photo.deleted_because == DeletionCause.OWNER
    before = photo.deleted_at
    erase(alice)
    photo.refresh_from_db()
    assert (photo.deleted_because, photo.deleted_at) == (DeletionCause.OWNER, before)


def test_erased_photos_are_seen_by_nobody_at_once(alice: Phone, rosa: User, client: Client, storage: Path) -> None:
    photo = send(alice)
    erase(alice)  # the job has not run
    client.force_login(rosa)
    assert client.get(f"/photos/{photo.pk}/normalised").status_code == 404
    assert queues.count_waiting([projects.get_project("notes")]) == {}


def test_erasing_signs_out_everywhere(alice: Phone, bob: Phone) -> None:
    session = sign_up(ANNA)
    join(alice, session)
    join(bob, sign_in(ANNA))
    erase(alice)
    for phone in (alice, bob):
        check_problem(phone.client.get(f"{API}/devices", headers=phone.headers), 401, "not-signed-in")
    assert Client().get("/_allauth/app/v1/auth/session", headers={"X-Session-Token": session}).status_code in {401, 410}
    assert not UserSession.objects.exists()


def test_erasing_takes_merged_guests_along(alice: Phone, bob: Phone, storage: Path) -> None:
    join(alice, sign_up(ANNA))
    send(bob)
    join(bob, sign_in(ANNA))
    erase(bob)
    assert erasures.carry_out(Erasure.objects.get().pk)
    assert stored(storage) == []
    assert not Volunteer.objects.filter(erased_at=None).exists()
    assert not Device.objects.exclude(name="").exists()


def test_erasing_leaves_no_name_and_no_address(alice: Phone) -> None:
    join(alice, sign_up(ANNA))
    Volunteer.objects.update(nickname="Anna from Antwerp")
    erase(alice)
    user = User.objects.get()
    assert "anna" not in f"{user.email} {user.display_name} {user.last_login}".lower()
    assert not user.is_active
    assert not user.has_usable_password()
    assert Volunteer.objects.get().nickname == ""
    assert not EmailAddress.objects.exists()


def test_address_is_free_again(alice: Phone, bob: Phone) -> None:
    join(alice, sign_up(ANNA))
    erase(alice)
    answer = join(bob, sign_up(ANNA))
    assert answer.json()["volunteer"] == str(bob.volunteer.pk)


def test_erasing_twice_gives_the_first_receipt(alice: Phone) -> None:
    person = Person(volunteer=alice.volunteer)
    first, second = erasures.ask_erasure(person), erasures.ask_erasure(person)
    assert first.pk == second.pk


def test_erasing_at_once_gives_one_receipt(alice: Phone, storage: Path) -> None:
    send(alice)
    person = Person(volunteer=alice.volunteer)
    receipts = at_once(*[partial(erasures.ask_erasure, person)] * 4)
    assert len({receipt.pk for receipt in receipts}) == 1
    assert Erasure.objects.get().photos == 1


def test_erasing_unconfirmed_erases_nothing(alice: Phone, storage: Path) -> None:
    send(alice)
    check_problem(erase(alice, {"erase_everything": False}), 400, "not-confirmed")
    check_problem(erase(alice, {}), 400, "invalid-parameter")
    assert Photo.objects.get().state == PhotoState.AWAITING_REVIEW


def test_export_goes_with_the_person(alice: Phone, storage: Path) -> None:
    export = exports.ask_export(Person(volunteer=alice.volunteer))
    exports.make_export(export.pk)
    erasures.carry_out(erasures.ask_erasure(Person(volunteer=alice.volunteer)).pk)
    assert stored(storage) == []


def test_export_that_is_being_made_goes_with_the_person(
    alice: Phone, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = exports.ask_export(Person(volunteer=alice.volunteer))
    write = archives.write_archive

    def leave_meanwhile(asked: Any) -> blobs.Blob:
        written = write(asked)
        erasures.carry_out(erasures.ask_erasure(Person(volunteer=alice.volunteer)).pk)
        return blobs.write(written.key, b"written after the job had looked")

    monkeypatch.setattr(archives, "write_archive", leave_meanwhile)
    assert not exports.make_export(export.pk)
    assert stored(storage) == []


# --- killed, late, at once -----------------------------------------------------------------------------------------
def test_job_killed_half_way_goes_on_where_it_was(alice: Phone, storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasures, "ROWS_AT_ONCE", 2)
    sent = sorted(send(alice, seed).pk for seed in range(5))
    erasure = erasures.ask_erasure(Person(volunteer=alice.volunteer))
    deleted: list[uuid.UUID] = []
    delete = photos.delete_bytes

    def break_at_the_fourth(photo: Photo) -> None:
        if len(deleted) == 3:
            raise OSError("the storage went away")
        deleted.append(photo.pk)
        delete(photo)

    monkeypatch.setattr(photos, "delete_bytes", break_at_the_fourth)
    with pytest.raises(OSError, match="went away"):
        erasures.carry_out(erasure.pk)
    assert Erasure.objects.get().finished_at is None

    def go_on(photo: Photo) -> None:
        deleted.append(photo.pk)
        delete(photo)

    monkeypatch.setattr(photos, "delete_bytes", go_on)
    assert erasures.carry_out(erasure.pk)
    assert deleted == sent[:3] + sent[2:]  # the batch that broke is done again, those before it are not
    assert stored(storage) == []
    assert Erasure.objects.get().finished_at is not None
    assert not erasures.carry_out(erasure.pk)


def test_upload_that_ends_after_the_leaving_leaves_nothing(alice: Phone, storage: Path) -> None:
    data, before = jpeg(), Volunteer.objects.get(pk=alice.volunteer.pk)

    def slow_body() -> Iterator[bytes]:
        yield data[:100]
        erasures.carry_out(erasures.ask_erasure(Person(volunteer=alice.volunteer)).pk)
        yield data[100:]

    digest = hashlib.sha256(data).hexdigest()
    upload = uploads.Upload(photo_id=uuid.uuid4(), project=projects.get_project("notes"), sha256=digest)
    with pytest.raises(Problem) as refused:
        uploads.receive_photo(upload, slow_body(), by=before)
    assert (refused.value.kind, refused.value.status) == ("account-erased", 410)
    assert stored(storage) == []
    assert not Photo.objects.exists()


def test_leaving_and_uploading_at_once_leave_nothing(alice: Phone, storage: Path) -> None:
    person = Person(volunteer=alice.volunteer)
    puts = [lambda at=at: Phone(alice.volunteer, alice.token).put(jpeg(at)) for at in range(6)]
    *answers, erasure = at_once(*puts, lambda: erasures.ask_erasure(person))
    assert {answer.status_code for answer in answers} <= {201, 401, 410}
    for photo_id in Photo.objects.values_list("pk", flat=True):
        normalising.normalise_photo(photo_id)
    assert erasures.carry_out(erasure.pk)
    assert stored(storage) == []
    assert set(Photo.objects.values_list("state", flat=True)) <= {PhotoState.DELETED}


def test_leaving_and_normalising_at_once_leave_no_bytes(alice: Phone, storage: Path) -> None:
    photo_id = uuid.uuid4()
    alice.put(jpeg(), photo_id)

    def leave() -> None:
        erasures.carry_out(erasures.ask_erasure(Person(volunteer=alice.volunteer)).pk)

    at_once(leave, partial(normalising.normalise_photo, photo_id))
    assert stored(storage) == []


def test_joining_and_leaving_at_once_end_in_one_of_two_ways(alice: Phone, bob: Phone, storage: Path) -> None:
    session = sign_up(ANNA)
    join(alice, session)
    send(bob)
    person = person_of_user(User.objects.get())
    joined, erasure = at_once(lambda: join(bob, session), lambda: erasures.ask_erasure(person))
    assert erasures.carry_out(erasure.pk)
    left = Photo.objects.get().state == PhotoState.DELETED
    assert (joined.status_code == 200) == left  # merged before: gone too; else still a guest with a photo
    assert (stored(storage) == []) == left


# --- people with a role --------------------------------------------------------------------------------------------
def test_reviewer_leaves_and_the_reviews_stay(alice: Phone, rosa: User, notes: Project, client: Client) -> None:
    photo = send(alice)
    reviews.accept_photo(photo.pk, by=rosa)
    client.post("/login/", {"login": rosa.email, "password": "correct horse"})
    client.post("/account/erase", {"confirm": "on"})
    rosa.refresh_from_db()
    assert Review.objects.get().reviewer == rosa
    assert (str(rosa), rosa.is_active) == ("somebody who left", False)
    assert not Membership.objects.exists()
    assert client.get("/account/").status_code == 302


def test_last_administrator_stays_and_loses_nothing() -> None:
    admin = User.objects.create_superuser("admin@example.org")
    with pytest.raises(Problem, match="only administrator"):
        erasures.ask_erasure(person_of_user(admin))
    assert User.objects.get(pk=admin.pk).email == "admin@example.org"


def test_two_administrators_who_leave_at_once_leave_one_behind() -> None:
    admins = [User.objects.create_superuser(f"{name}@example.org") for name in ("one", "two")]
    at_once(*(partial(erasures.ask_erasure, person_of_user(admin)) for admin in admins))
    assert User.objects.filter(is_superuser=True, is_active=True).count() == 1


def test_phone_of_a_reviewer_is_not_enough_to_leave(alice: Phone, notes: Project) -> None:
    join(alice, sign_up(ANNA))
    projects.add_member(notes, User.objects.get(email=ANNA))
    check_problem(erase(alice), 403, "use-the-account-page")
    check_problem(alice.client.post(f"{API}/exports", headers=alice.headers), 403, "use-the-account-page")

"""A guest becomes an account, and no photo is lost on the way."""

import hashlib
import threading
import uuid
from collections.abc import Iterator

import pytest
from django.db import transaction

from collector.domain import consents, joining, projects, uploads, volunteers
from collector.models import Consent, Device, Photo, Project, Volunteer
from foundation.models import User
from tests.collector.conftest import API, Phone, check_problem, jpeg, make_phone, send
from tests.collector.racing import at_once
from tests.collector.signing_in import join, sign_in, sign_up

pytestmark = pytest.mark.django_db(transaction=True)
ANNA = "anna@example.org"


def test_guest_becomes_the_account_and_keeps_its_photos_and_token(alice: Phone, storage: object) -> None:
    photo = send(alice)
    answer = join(alice, sign_up(ANNA))
    assert answer.status_code == 200
    assert answer.json() == {"volunteer": str(alice.volunteer.pk), "email": ANNA}
    assert Volunteer.objects.get().user == User.objects.get(email=ANNA)
    assert alice.get(photo.pk).status_code == 200
    assert alice.put(jpeg(7)).status_code == 201


def test_second_device_merges_into_the_first(alice: Phone, bob: Phone, storage: object) -> None:
    join(alice, sign_up(ANNA))
    mine, theirs = send(alice, 1), send(bob, 2)
    answer = join(bob, sign_in(ANNA))
    assert answer.json()["volunteer"] == str(alice.volunteer.pk)
    guest = Volunteer.objects.get(pk=bob.volunteer.pk)
    assert guest.merged_into == alice.volunteer
    assert set(Photo.objects.values_list("pk", "volunteer")) == {
        (mine.pk, alice.volunteer.pk),
        (theirs.pk, alice.volunteer.pk),
    }
    assert bob.get(mine.pk).status_code == bob.get(theirs.pk).status_code == 200


def test_merged_device_sends_on_as_the_survivor(alice: Phone, bob: Phone, storage: object) -> None:
    join(alice, sign_up(ANNA))
    join(bob, sign_in(ANNA))
    photo_id = uuid.uuid4()
    assert bob.put(jpeg(3), photo_id).status_code == 201
    assert Photo.objects.get(pk=photo_id).volunteer == alice.volunteer
    assert alice.get(photo_id).status_code == 200


def test_merge_keeps_the_proof_of_each_photo(alice: Phone, bob: Phone, storage: object) -> None:
    join(alice, sign_up(ANNA))
    photo = send(bob)
    newer = consents.publish_text("2027-01", "Newer words.")
    consents.agree(bob.volunteer, newer)
    join(bob, sign_in(ANNA))
    photo.refresh_from_db()
    assert photo.consent.text.version == "2026-11"
    assert Consent.objects.filter(volunteer=alice.volunteer, text=newer).exists()
    assert alice.put(jpeg(9)).has_header("Daybreak-Consent") is False  # agreed on either device is agreed


def test_joining_twice_changes_nothing(alice: Phone, bob: Phone) -> None:
    session = sign_up(ANNA)
    join(alice, session)
    first, second = join(bob, session), join(bob, session)
    assert first.json() == second.json()
    assert join(alice, session).status_code == 200
    assert Volunteer.objects.filter(merged_into=None).count() == 1


def test_device_of_another_account_is_refused(alice: Phone, bob: Phone) -> None:
    join(alice, sign_up(ANNA))
    check_problem(join(alice, sign_up("berta@example.org")), 409, "another-account")
    assert Volunteer.objects.get(pk=alice.volunteer.pk).user == User.objects.get(email=ANNA)


def test_joining_without_a_session_is_refused(alice: Phone) -> None:
    check_problem(join(alice, "made-up"), 401, "account-session-needed")
    answer = alice.client.post(f"{API}/volunteer/account", headers=alice.headers)
    check_problem(answer, 401, "account-session-needed")


def test_joining_without_a_device_is_refused(alice: Phone) -> None:
    answer = alice.client.post(f"{API}/volunteer/account", headers={"X-Session-Token": sign_up(ANNA)})
    check_problem(answer, 401, "not-signed-in")


# --- many at once --------------------------------------------------------------------------------------------------
def test_many_devices_at_once_make_one_volunteer(notes: Project, storage: object) -> None:
    phones = [make_phone() for _ in range(6)]
    sent = [send(phone, seed).pk for seed, phone in enumerate(phones)]
    session = sign_up(ANNA)
    answers = at_once(*[lambda phone=phone: join(phone, session) for phone in phones])
    assert {answer.status_code for answer in answers} == {200}
    (survivor,) = Volunteer.objects.filter(merged_into=None)
    assert survivor.user == User.objects.get(email=ANNA)
    assert set(Photo.objects.filter(volunteer=survivor).values_list("pk", flat=True)) == set(sent)
    assert Device.objects.filter(volunteer=survivor).count() == 6


def test_two_accounts_at_once_on_one_device_leave_one(alice: Phone) -> None:
    sessions = [sign_up("one@example.org"), sign_up("two@example.org")]
    answers = at_once(*[lambda s=session: join(Phone(alice.volunteer, alice.token), s) for session in sessions])
    assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_photos_that_arrive_during_the_merge_go_to_the_survivor(alice: Phone, bob: Phone, storage: object) -> None:
    session = sign_up(ANNA)
    join(alice, session)
    ids = [uuid.uuid4() for _ in range(7)]
    puts = [lambda i=i, at=at: Phone(bob.volunteer, bob.token).put(jpeg(at), i) for at, i in enumerate(ids)]
    *answers, joined = at_once(*puts, lambda: join(bob, session))
    assert [answer.status_code for answer in answers] == [201] * 7
    assert joined.status_code == 200
    assert set(Photo.objects.values_list("volunteer", flat=True)) == {alice.volunteer.pk}


def test_upload_that_began_before_the_merge_goes_to_the_survivor(alice: Phone, bob: Phone, storage: object) -> None:
    """The bytes take their time; the device is asked who it is at the start, the row is written at the end."""
    join(alice, sign_up(ANNA))
    anna, device, data = User.objects.get(email=ANNA), Device.objects.get(volunteer=bob.volunteer), jpeg(5)

    def slow_body() -> Iterator[bytes]:
        yield data[:100]
        joining.join_account(device, anna)
        yield data[100:]

    photo_id, before = uuid.uuid4(), Volunteer.objects.get(pk=bob.volunteer.pk)
    digest = hashlib.sha256(data).hexdigest()
    upload = uploads.Upload(photo_id=photo_id, project=projects.get_project("notes"), sha256=digest)
    assert uploads.receive_photo(upload, slow_body(), by=before).is_new
    assert Photo.objects.get().volunteer == alice.volunteer
    assert not uploads.receive_photo(upload, [data], by=before).is_new  # and its replay finds it


def test_merge_waits_for_a_photo_that_is_being_written(alice: Phone, bob: Phone, storage: object) -> None:
    session = sign_up(ANNA)
    join(alice, session)
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            volunteers.lock_surviving(bob.volunteer)
            inside.set()
            assert go_on.wait(20)

    def merge() -> int:
        assert inside.wait(20)
        threading.Timer(0.5, go_on.set).start()
        status = join(bob, session).status_code
        assert go_on.is_set()  # not before the other let go
        return status

    assert at_once(hold, merge)[1] == 200

"""Your account: logins listed and ended, everything taken along, everything erased."""

import time
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from collector.domain import devices, exports
from collector.models import Device, Erasure, Export, Volunteer
from config.web.browsers import say_browser
from foundation.models import User
from tests import pages

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("storage")]


@pytest.fixture
def anna() -> User:
    """A volunteer with an account and one phone."""
    user = pages.make_user("anna@example.org")
    volunteer, _ = pages.make_volunteer("Anna")
    Volunteer.objects.filter(pk=volunteer.pk).update(user=user)
    Device.objects.update(name="iPhone 15")
    return user


@pytest.fixture
def member(client: Client, anna: User) -> Client:
    client.post("/login/", {"login": anna.email, "password": "correct horse"})
    return client


def test_account_for_anonymous_leads_to_signing_in(client: Client) -> None:
    for address in ("/account/", "/account/erase"):
        assert client.get(address)["Location"] == f"/login/?next={address}"


@pytest.mark.parametrize("count", [1, 3])
def test_account_asks_the_same_queries_however_many_devices(
    member: Client, anna: User, count: int, django_assert_num_queries: Any
) -> None:
    for number in range(count - 1):
        devices.add_device(anna.volunteer, f"phone {number}")
        Client().post("/login/", {"login": anna.email, "password": "correct horse"})
    with django_assert_num_queries(9):  # session, user, volunteer, export, factors, sessions, photos, consent, devices
        page = member.get("/account/")
    assert len(page.context["devices"]) == count
    assert len(page.context["sessions"]) == count


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/150.0 Safari/537.36 Edg/150.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/150.0 Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari on an iPhone"),
        ("Daybreak/3 CFNetwork", "Daybreak/3 CFNetwork"),
        ("", "An app or a browser"),
    ],
)
def test_session_is_named_as_its_owner_would(agent: str, said: str) -> None:
    assert say_browser(agent) == said


def test_session_of_another_browser_is_ended_at_once(member: Client, anna: User) -> None:
    other = Client()
    other.post("/login/", {"login": anna.email, "password": "correct horse"})
    assert other.get("/account/").status_code == 200
    theirs = UserSession.objects.get(session_key=other.session.session_key)
    member.post(f"/account/sessions/{theirs.pk}/end")
    assert other.get("/account/").status_code == 302
    assert member.get("/account/").status_code == 200


def test_session_of_somebody_else_is_not_mine_to_end(member: Client) -> None:
    other = Client()
    other.post("/login/", {"login": pages.make_user("bob@example.org").email, "password": "correct horse"})
    member.post(f"/account/sessions/{UserSession.objects.get(session_key=other.session.session_key).pk}/end")
    assert other.get("/account/").status_code == 200


def test_device_is_signed_out_from_the_page(member: Client) -> None:
    device = Device.objects.get()
    assert b"iPhone 15" in member.get("/account/").content
    assert member.post(f"/account/devices/{device.pk}/revoke")["Location"] == "/account/"
    assert b"iPhone 15" not in member.get("/account/").content
    device.refresh_from_db()
    assert device.revoked_at is not None


def test_device_of_somebody_else_is_not_there(member: Client) -> None:
    device, _ = devices.add_device(pages.make_volunteer()[0])
    assert member.post(f"/account/devices/{device.pk}/revoke").status_code == 404
    device.refresh_from_db()
    assert device.revoked_at is None


def test_export_is_made_and_downloaded_from_the_page(member: Client) -> None:
    member.post("/account/export")
    export = Export.objects.get()
    assert b"Being made" in member.get("/account/").content
    assert member.get(f"/account/exports/{export.pk}").status_code == 409
    exports.make_export(export.pk)
    assert b"Download it" in member.get("/account/").content
    answer: Any = member.get(f"/account/exports/{export.pk}")
    assert answer["Content-Disposition"] == 'attachment; filename="daybreak.zip"'
    assert b"".join(answer.streaming_content).startswith(b"PK")
    assert "no-store" in answer["Cache-Control"]


def test_erasing_asks_once_more_and_then_shows_the_receipt(member: Client) -> None:
    assert b"There is no way back" in member.get("/account/erase").content
    assert member.post("/account/erase")["Location"] == "/account/erase"  # the box was not ticked
    assert not Erasure.objects.exists()
    answer = member.post("/account/erase", {"confirm": "on"})
    assert answer["Location"] == f"/account/erased/{Erasure.objects.get().pk}"
    assert member.get("/account/").status_code == 302
    assert b"Receipt" in member.get(answer["Location"]).content


def test_erasing_long_after_signing_in_asks_who_it_is(member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 3600
    monkeypatch.setattr("time.time", lambda: later)
    assert "/reauthenticate/" in member.post("/account/erase", {"confirm": "on"})["Location"]
    assert not Erasure.objects.exists()


def test_receipt_that_does_not_exist(client: Client) -> None:
    assert client.get("/account/erased/00000000-0000-4000-8000-000000000000").status_code == 404

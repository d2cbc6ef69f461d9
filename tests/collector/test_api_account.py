"""Devices that are listed and revoked, and texts that are agreed to. Over HTTP."""

import datetime as dt
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from collector.domain import consents, devices, guests
from collector.models import Consent, ConsentText, Device, Photo
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import API, Phone, check_problem, jpeg

pytestmark = pytest.mark.django_db
NEWER = "2027-01"


def get(phone: Phone, path: str) -> Any:
    return phone.client.get(f"{API}{path}", headers=phone.headers)


def device_of(phone: Phone) -> Device:
    device = devices.find_device(phone.token)
    assert device is not None
    return device


# --- devices -------------------------------------------------------------------------------------------------------
def test_devices_lists_mine_and_marks_the_one_that_asks(alice: Phone, bob: Phone) -> None:
    devices.add_device(alice.volunteer, "Anna's tablet")
    rows = get(alice, "/devices").json()
    assert [(row["name"], row["is_current"]) for row in rows] == [("Anna's tablet", False), ("", True)]
    assert rows[0]["last_seen_on"] is None


def test_devices_says_the_day_each_was_seen(alice: Phone) -> None:
    assert get(alice, "/devices").json()[0]["last_seen_on"] == dt.datetime.now(tz=dt.UTC).date().isoformat()  # noqa: TID251


def test_day_seen_is_written_once_a_day(alice: Phone, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):  # the device, and the day
        devices.find_device(alice.token)
    with django_assert_num_queries(1):
        devices.find_device(alice.token)
    Device.objects.update(last_seen_on=dt.date(2026, 1, 1))
    with django_assert_num_queries(2):
        devices.find_device(alice.token)


def test_revoked_device_is_out_at_once(alice: Phone, storage: object) -> None:
    other, token = devices.add_device(alice.volunteer)
    phone = Phone(alice.volunteer, token)
    assert phone.put(jpeg()).status_code == 201
    answer = alice.client.delete(f"{API}/devices/{other.pk}", headers=alice.headers)
    assert answer.status_code == 204
    check_problem(phone.put(jpeg(1)), 401, "not-signed-in")
    assert phone.client.get(f"/photos/{Photo.objects.get().pk}/normalised", headers=phone.headers).status_code == 404
    assert [row["device"] for row in get(alice, "/devices").json()] == [device_of(alice).pk]


def test_revoking_twice_is_fine(alice: Phone) -> None:
    other, _ = devices.add_device(alice.volunteer)
    for _ in range(2):
        assert alice.client.delete(f"{API}/devices/{other.pk}", headers=alice.headers).status_code == 204


def test_device_may_revoke_itself(alice: Phone) -> None:
    alice.client.delete(f"{API}/devices/{device_of(alice).pk}", headers=alice.headers)
    check_problem(get(alice, "/devices"), 401, "not-signed-in")


def test_device_of_somebody_else_is_not_there(alice: Phone, bob: Phone) -> None:
    answer = alice.client.delete(f"{API}/devices/{device_of(bob).pk}", headers=alice.headers)
    check_problem(answer, 404, "unknown-device")
    assert get(bob, "/devices").status_code == 200


# --- consents ------------------------------------------------------------------------------------------------------
def test_current_text_is_open_to_all(client: Client) -> None:
    answer = client.get(f"{API}/consents/current")
    assert answer.status_code == 200
    assert answer.json()["version"] == "2026-11"
    assert "You may look\nat your photos" in answer.json()["text"]


def test_upload_under_an_older_text_works_and_hints_at_the_newer(alice: Phone, storage: object) -> None:
    assert not alice.put(jpeg()).has_header("Daybreak-Consent")
    consents.publish_text(NEWER, "Newer words.")
    answer = alice.put(jpeg(1))
    assert (answer.status_code, answer["Daybreak-Consent"]) == (201, NEWER)
    assert {photo.consent.text.version for photo in Photo.objects.all()} == {"2026-11"}


def test_agreeing_to_the_newer_text_ends_the_hint_and_proves_later_photos(alice: Phone, storage: object) -> None:
    consents.publish_text(NEWER, "Newer words.")
    answer = alice.client.post(f"{API}/consents", {"version": NEWER}, "application/json", headers=alice.headers)
    assert answer.status_code == 200
    sent = alice.put(jpeg())
    assert not sent.has_header("Daybreak-Consent")
    assert Photo.objects.get().consent.text.version == NEWER


def test_agreeing_twice_keeps_the_first_moment(alice: Phone) -> None:
    first, second = (
        alice.client.post(f"{API}/consents", {"version": "2026-11"}, "application/json", headers=alice.headers).json()
        for _ in range(2)
    )
    assert first == second
    assert Consent.objects.count() == 1


def test_agreeing_to_an_older_text_is_refused(alice: Phone) -> None:
    consents.publish_text(NEWER, "Newer words.")
    answer = alice.client.post(f"{API}/consents", {"version": "2026-11"}, "application/json", headers=alice.headers)
    assert check_problem(answer, 400, "unknown-consent-version")["allowed"] == NEWER
    with pytest.raises(Problem):
        guests.register_guest("2026-11")


def test_published_text_never_changes(db: None) -> None:
    consents.publish_text(NEWER, "Newer words.")
    assert consents.publish_text(NEWER, "Newer words.\r\n").body == "Newer words.\n"
    with pytest.raises(Problem) as refused:
        consents.publish_text(NEWER, "Other words.")
    assert refused.value.kind == "consent-version-taken"
    assert ConsentText.objects.get(version=NEWER).body == "Newer words.\n"


def test_first_published_text_follows_the_products_own(db: None) -> None:
    consents.publish_text(NEWER, "Newer words.")
    assert list(ConsentText.objects.order_by("published_at").values_list("version", flat=True)) == ["2026-11", NEWER]
    assert consents.current_text().version == NEWER


def test_publish_consent_command_publishes_a_file(db: None, tmp_path: Path) -> None:
    path, out = tmp_path / "text.txt", StringIO()
    path.write_text("Newer words.", "utf-8")
    call_command("publish_consent", NEWER, str(path), stdout=out)
    assert consents.current_text().body == "Newer words.\n"
    assert NEWER in out.getvalue()


@pytest.mark.parametrize(("version", "body"), [(NEWER, " \n"), ("", "Words."), ("v" * 21, "Words.")])
def test_publish_consent_command_refuses(db: None, tmp_path: Path, version: str, body: str) -> None:
    path = tmp_path / "text.txt"
    path.write_text(body, "utf-8")
    with pytest.raises(CommandError, match="Correct it"):
        call_command("publish_consent", version, str(path))


def test_admin_publishes_a_text_and_never_changes_it(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root@example.org"))
    client.post("/admin/collector/consenttext/add/", {"version": NEWER, "body": "Newer words."})
    text = consents.current_text()
    assert (text.version, text.body) == (NEWER, "Newer words.\n")
    address = f"/admin/collector/consenttext/{text.pk}"
    assert client.get(f"{address}/change/").status_code == 200
    assert client.post(f"{address}/change/", {"version": NEWER, "body": "Other words."}).status_code == 403
    assert client.post(f"{address}/delete/", {"post": "yes"}).status_code == 403
    assert consents.current_text().body == "Newer words.\n"

"""When a photo counts for its challenge: taken on the day where the project lives, and not received too late."""

import datetime as dt
import json
import uuid
import zoneinfo
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain import challenges
from collector.models import Challenge, Photo, Project
from tests.collector.conftest import Phone, jpeg

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
# Half hours, quarters, summer time, summer time that changes at midnight, both ends of the world.
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana"]
ZONES += ["Asia/Beirut", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/Sao_Paulo", "Africa/Cairo"]

zones = st.sampled_from(ZONES).map(zoneinfo.ZoneInfo)
moments = st.datetimes(dt.datetime(2015, 1, 3), dt.datetime(2035, 1, 1), timezones=zones)  # noqa: DTZ001 -- it adds them
days = st.dates(dt.date(2015, 1, 3), dt.date(2035, 1, 1))


def make(zone: str = "Europe/Berlin", day: dt.date = dt.date(2026, 11, 20), grace_days: int = 7) -> Challenge:
    return Challenge(project=Project(slug="x", timezone=zone), day=day, grace_days=grace_days)


any_challenge = st.builds(make, st.sampled_from(ZONES), days, st.integers(0, 30))


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


# --- the day, and the days of grace --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("captured", "received", "late"),
    [
        ("2026-11-20T09:00+01:00", "2026-11-20T09:01+01:00", False),
        ("2026-11-20T00:00+01:00", "2026-11-27T23:59+01:00", False),  # the last minute of grace
        ("2026-11-20T00:00+01:00", "2026-11-28T00:00+01:00", True),  # the first after it
        ("2026-11-19T23:00+01:00", "2026-11-20T09:00+01:00", False),  # a clock that is an hour slow
        ("2026-11-19T22:59+01:00", "2026-11-20T09:00+01:00", True),
        ("2026-11-21T00:59+01:00", "2026-11-21T09:00+01:00", False),  # a clock that is an hour fast
        ("2026-11-21T01:00+01:00", "2026-11-21T09:00+01:00", True),
        ("2026-11-20T20:00-08:00", "2026-11-21T09:00+01:00", True),  # the 21st where the project lives
        ("2026-11-21T09:00+14:00", "2026-11-21T09:00+01:00", False),  # the 20th where the project lives
        (None, "2026-11-20T23:00+01:00", False),
        (None, "2026-11-22T12:00+01:00", True),  # nothing says that it was taken on the day
        ("2026-11-20T13:00+01:00", "2026-11-20T12:00+01:00", False),  # within what clocks are off
        ("2027-05-01T12:00+02:00", "2026-11-20T12:00+01:00", False),  # the future: receipt counts, on the day
        ("2027-05-01T12:00+02:00", "2026-11-22T12:00+01:00", True),  # the future: receipt counts, after the day
        ("2026-11-20T23:00+01:00", "2026-11-18T12:00+01:00", True),  # a day that has not begun
    ],
)
def test_photo_counts_if_taken_on_the_day_and_received_within_the_grace(
    captured: str | None, received: str, late: bool
) -> None:
    assert challenges.is_late(make(), captured and at(captured), at(received)) is late  # type: ignore[arg-type]  # None stays None


def test_photo_of_the_last_minute_counts_without_any_days_of_grace() -> None:
    challenge = make(grace_days=0)
    assert not challenges.is_late(challenge, at("2026-11-20T23:59+01:00"), at("2026-11-21T00:30+01:00"))
    assert challenges.is_late(challenge, at("2026-11-20T23:59+01:00"), at("2026-11-21T01:00+01:00"))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_days_of_23_and_25_hours_are_whole_days(day: str, hours: int) -> None:
    challenge = make(day=dt.date.fromisoformat(day))
    first = dt.datetime.combine(challenge.day, dt.time.min, zoneinfo.ZoneInfo("Europe/Berlin")).astimezone(dt.UTC)
    last = first + hours * HOUR - dt.timedelta(seconds=1)
    assert challenges.ends_at(challenge) - first == hours * HOUR
    assert not challenges.is_late(challenge, first - HOUR, last)
    assert not challenges.is_late(challenge, last + HOUR, last + DAY)
    assert challenges.is_late(challenge, last + HOUR + dt.timedelta(seconds=1), last + DAY)


# --- laws ----------------------------------------------------------------------------------------------------------
@given(any_challenge, moments)
def test_photo_of_the_local_day_sent_at_once_is_never_late(challenge: Challenge, moment: dt.datetime) -> None:
    local = moment.astimezone(zoneinfo.ZoneInfo(challenge.project.timezone))
    challenge.day = local.date()
    assert not challenges.is_late(challenge, moment, moment)
    assert not challenges.is_late(challenge, None, moment)


@given(any_challenge, moments, st.integers(2, 400))
def test_photo_of_another_local_day_is_late(challenge: Challenge, moment: dt.datetime, days: int) -> None:
    local = moment.astimezone(zoneinfo.ZoneInfo(challenge.project.timezone))
    for day in (local.date() - days * DAY, local.date() + days * DAY):
        challenge.day = day
        assert challenges.is_late(challenge, moment, moment)


@given(any_challenge, st.none() | moments, moments)
def test_zone_in_which_a_moment_is_written_changes_nothing(
    challenge: Challenge, captured: dt.datetime | None, received: dt.datetime
) -> None:
    said = challenges.is_late(challenge, captured, received)
    captured_utc = captured.astimezone(dt.UTC) if captured else None
    assert challenges.is_late(challenge, captured_utc, received.astimezone(dt.UTC)) is said


@given(any_challenge, moments, moments, st.integers(0, 60))
def test_arriving_later_never_makes_a_photo_count(
    challenge: Challenge, captured: dt.datetime, received: dt.datetime, days: int
) -> None:
    received = max(received.astimezone(dt.UTC), captured.astimezone(dt.UTC))
    if challenges.is_late(challenge, captured, received):
        assert challenges.is_late(challenge, captured, received + days * DAY)


@given(any_challenge, moments, moments, st.integers(0, 30))
def test_more_grace_never_makes_a_photo_late(
    challenge: Challenge, captured: dt.datetime, received: dt.datetime, more: int
) -> None:
    if not challenges.is_late(challenge, captured, received):
        challenge.grace_days += more
        assert not challenges.is_late(challenge, captured, received)


# --- as phones see it ----------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days_ago", "query", "late"), [(0, "", False), (3, "captured", False), (3, "", True), (9, "captured", True)]
)
def test_late_photo_is_kept_and_told(alice: Phone, notes: Project, days_ago: int, query: str, late: bool) -> None:
    day = challenges.local_day(notes) - days_ago * DAY
    challenge = challenges.set_challenge(notes, day, text="A 5 euro note")
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC).isoformat()
    photo_id = uuid.uuid4()
    captured = f"&captured_at={quote(noon)}" if query else ""
    assert alice.put(jpeg(), photo_id, f"project=notes&challenge={challenge.pk}{captured}").status_code == 201
    shown: dict[str, Any] = json.loads(alice.get(photo_id).content)
    assert (shown["state"], shown["is_late"]) == ("received", late)
    photo = Photo.objects.select_related("challenge").get(pk=photo_id)
    assert (photo.challenge, photo.is_late) == (challenge, late)


@pytest.mark.django_db
def test_photo_without_a_challenge_is_never_late(alice: Phone) -> None:
    photo_id = uuid.uuid4()
    alice.put(jpeg(), photo_id, "project=notes&captured_at=2020-01-01T00:00:00Z")
    assert json.loads(alice.get(photo_id).content)["is_late"] is False


@pytest.mark.django_db
@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z", "1970-01-01T00:00Z"]
)
def test_clock_that_was_lost_is_no_reason_to_refuse(alice: Phone, notes: Project, moment: str) -> None:
    challenge = challenges.set_challenge(notes, challenges.local_day(notes), text="A 5 euro note")
    photo_id = uuid.uuid4()
    query = f"project=notes&challenge={challenge.pk}&captured_at={moment}"
    assert alice.put(jpeg(), photo_id, query).status_code == 201
    assert json.loads(alice.get(photo_id).content)["is_late"] is False
    assert Photo.objects.get(pk=photo_id).captured_at is None

"""Too many requests: who is counted, what is refused, and that a photo is never refused for want of Redis."""

import ipaddress
import json
import random
import uuid
from pathlib import Path
from typing import Any

import limits
import pytest
from django.conf import LazySettings
from django.test import Client

from collector.models import Photo, Volunteer
from foundation import limiting
from tests.collector.conftest import API, Phone, check_problem, jpeg, make_phone, stored

pytestmark = pytest.mark.django_db


def an_address() -> str:
    """One that no other test and no earlier run has used up."""
    return str(ipaddress.IPv4Address(random.getrandbits(32)))


def become_guest(address: str, **more: str) -> Any:
    body = json.dumps({"consent_version": "2026-11"})
    return Client().post(f"{API}/guests", body, content_type="application/json", REMOTE_ADDR=address, headers=more)


def test_put_over_the_limit_is_refused_and_leaves_nothing(alice: Phone, storage: Path, settings: LazySettings) -> None:
    settings.LIMIT_UPLOADS = limits.parse_many("3/hour")
    assert [alice.put(jpeg()).status_code for _ in range(3)] == [201] * 3
    answer = alice.put(jpeg())
    problem = check_problem(answer, 429, "too-many-requests")
    assert problem["allowed"] == "3 per 1 hour"
    assert 3590 <= int(answer["Retry-After"]) <= 3600
    assert (Photo.objects.count(), len(stored(storage))) == (3, 3)


def test_put_is_counted_for_each_volunteer_alone(alice: Phone, settings: LazySettings) -> None:
    settings.LIMIT_UPLOADS = limits.parse_many("1/hour")
    bob = make_phone()
    assert [alice.put(jpeg()).status_code, alice.put(jpeg()).status_code, bob.put(jpeg()).status_code] == [
        201,
        429,
        201,
    ]


def test_put_counts_megabytes(alice: Phone, settings: LazySettings) -> None:
    settings.LIMIT_UPLOAD_MB = limits.parse_many("10/hour")
    four_mb = jpeg().ljust(3_500_000, b"\0")
    assert [alice.put(four_mb).status_code for _ in range(3)] == [201, 201, 429]
    assert alice.put(jpeg()).status_code == 201  # a small one still fits


def test_put_of_a_weeks_queue_at_once_is_within_the_defaults(alice: Phone) -> None:
    for rules, cost in ((LIMITS["LIMIT_UPLOADS"], 1), (LIMITS["LIMIT_UPLOAD_MB"], 25)):
        for _ in range(300):
            limiting.charge("tests", str(alice.volunteer.pk), rules, cost=cost)


def test_reconcile_over_the_limit_is_refused(alice: Phone, settings: LazySettings) -> None:
    settings.LIMIT_RECONCILES = limits.parse_many("2/hour")
    answers = [
        alice.client.post(
            f"{API}/photos/reconcile", '{"photos": []}', content_type="application/json", headers=alice.headers
        )
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert alice.put(jpeg()).status_code == 201


def test_guests_over_the_limit_are_refused_by_address(notes: object, settings: LazySettings) -> None:
    settings.LIMIT_GUESTS = limits.parse_many("2/hour")
    here, there = an_address(), an_address()
    assert [become_guest(here).status_code for _ in range(2)] == [201, 201]
    check_problem(become_guest(here), 429, "too-many-requests")
    check_problem(become_guest(here, **{"X-Forwarded-For": there}), 429, "too-many-requests")  # anybody can write that
    assert become_guest(there).status_code == 201
    assert Volunteer.objects.count() == 3


def test_put_and_guests_without_redis_are_not_limited(alice: Phone, settings: LazySettings, tmp_path: Path) -> None:
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"
    settings.LIMIT_UPLOADS = settings.LIMIT_GUESTS = limits.parse_many("1/hour")
    here = an_address()
    try:
        assert [alice.put(jpeg(), uuid.uuid4()).status_code for _ in range(3)] == [201] * 3
        assert [become_guest(here).status_code for _ in range(3)] == [201] * 3
    finally:
        limiting.breaker.reset()


LIMITS = {
    "LIMIT_UPLOADS": limits.parse_many("600/hour, 2000/day"),
    "LIMIT_UPLOAD_MB": limits.parse_many("8000/day"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_defaults_are_those_this_page_speaks_of(name: str, settings: LazySettings) -> None:
    assert getattr(settings, name) == LIMITS[name]

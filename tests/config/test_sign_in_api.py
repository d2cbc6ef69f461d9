"""Signing in from a phone: the answers that docs/protocol.md promises."""

from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import caches
from django.test import Client

from tests import pages
from tests.collector.signing_in import APP, last_code, post, sign_in, sign_up
from tests.config.test_sign_in import code_of

pytestmark = pytest.mark.django_db
ANNA = "anna@example.org"


@pytest.fixture(autouse=True)
def _no_earlier_attempts() -> None:
    caches["default"].clear()


def ask(email: str = ANNA) -> Any:
    return post("code/request", {"email": email})


def test_request_for_a_code_says_401_and_names_the_attempt(db: None) -> None:
    pages.make_user(ANNA)
    answer = ask()
    assert answer.status_code == 401
    assert answer.json()["meta"]["session_token"]


def test_request_for_an_unknown_address_looks_the_same(db: None) -> None:
    pages.make_user(ANNA)
    known, unknown = (ask(email).json() for email in (ANNA, "nobody@example.org"))
    for one in (known, unknown):
        one["meta"].pop("session_token")
    assert known == unknown


def test_wrong_codes_are_400_and_then_409(db: None) -> None:
    pages.make_user(ANNA)
    session = ask().json()["meta"]["session_token"]
    codes = [post("code/confirm", {"code": "BBBB-BBBB"}, session).status_code for _ in range(4)]
    assert (codes[0], codes[-1]) == (400, 409)


def test_code_in_any_spelling_gives_a_session(db: None) -> None:
    pages.make_user(ANNA)
    session = ask().json()["meta"]["session_token"]
    answer = post("code/confirm", {"code": last_code().lower().replace("-", "")}, session)
    assert answer.status_code == 200
    assert answer.json()["meta"]["is_authenticated"] is True
    assert answer.json()["meta"]["session_token"]


def test_account_with_a_factor_is_asked_for_it(db: None) -> None:
    secret = str(generate_totp_secret())
    TOTP.activate(pages.make_user(ANNA), secret)
    session = ask().json()["meta"]["session_token"]
    answer = post("code/confirm", {"code": last_code()}, session)
    assert answer.status_code == 401
    assert "mfa_authenticate" in [flow["id"] for flow in answer.json()["data"]["flows"]]
    session = answer.json()["meta"].get("session_token", session)
    assert post("2fa/authenticate", {"code": code_of(secret)}, session).status_code == 200


@pytest.mark.parametrize(("addresses", "limit"), [(1, 3), (40, 20)])
def test_too_many_codes_are_400_and_say_so(db: None, addresses: int, limit: int) -> None:
    """Three a minute for one address, twenty from one place."""
    pages.make_user(ANNA)
    answers = [ask(f"person{number % addresses}@example.org") for number in range(limit + 1)]
    assert [answer.status_code for answer in answers] == [401] * limit + [400]
    assert answers[-1].json()["errors"][0]["code"] == "too_many_login_attempts"


def test_passkey_options_are_offered(client: Client) -> None:
    answer = client.get(f"{APP}/webauthn/login")
    assert answer.status_code == 200
    assert answer.json()["data"]["request_options"]["publicKey"]["challenge"]


def test_session_ends_when_the_phone_signs_out(db: None) -> None:
    session = sign_up(ANNA)
    Client().delete(f"{APP}/session", headers={"X-Session-Token": session})
    assert Client().get(f"{APP}/session", headers={"X-Session-Token": session}).status_code in {401, 410}
    assert sign_in(ANNA) != session


def test_browsers_have_no_way_in_without_a_page(client: Client) -> None:
    assert client.get("/_allauth/browser/v1/auth/session").status_code == 404

"""Signing in by a code, by password where there is one, and the second factor that roles need. Over HTTP."""

import re
import socket
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.conf import LazySettings
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.test import Client

from collector.domain import projects
from config.cache import RedisOrOwnMemory
from config.mail import read_email_url
from foundation.models import User
from tests import pages

pytestmark = pytest.mark.django_db
CODE = re.compile(r"\b([A-Z]{4}-[A-Z]{4})\b")


@pytest.fixture(autouse=True)
def _no_earlier_attempts() -> None:
    """Limits are per address, and all tests come from one."""
    caches["default"].clear()


@pytest.fixture
def rosa() -> User:
    return pages.make_user("rosa@example.org", display_name="Rosa")


def code_in(mail: EmailMessage) -> str:
    found = CODE.search(str(mail.body))
    assert found is not None, mail.body
    return found.group(1)


def ask_code(client: Client, email: str, **given: str) -> Any:
    return client.post("/login/", {"login": email, **given})


# --- codes ---------------------------------------------------------------------------------------------------------
def test_code_signs_in_and_goes_on(client: Client, rosa: User, mailoutbox: list[EmailMessage]) -> None:
    asked = ask_code(client, "Rosa@Example.org", next="/runs/euro/")
    assert asked["Location"].startswith("/login/code/confirm/")
    (mail,) = mailoutbox
    assert mail.to == ["rosa@example.org"]
    answer = client.post("/login/code/confirm/", {"code": code_in(mail).lower(), "next": "/runs/euro/"})
    assert (answer.status_code, answer["Location"]) == (302, "/runs/euro/")
    assert client.get("/account/").context["user"] == rosa


def test_code_is_worthless_after_three_wrong_ones(client: Client, rosa: User, mailoutbox: list[EmailMessage]) -> None:
    ask_code(client, rosa.email)
    for _ in range(3):
        client.post("/login/code/confirm/", {"code": "BBBB-BBBB"})
    client.post("/login/code/confirm/", {"code": code_in(mailoutbox[0])})
    assert client.get("/account/").status_code == 302


def test_code_for_an_unknown_address_answers_the_same(
    client: Client, rosa: User, mailoutbox: list[EmailMessage]
) -> None:
    known, unknown = ask_code(client, rosa.email), ask_code(Client(), "nobody@example.org")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert CODE.search(str(mailoutbox[1].body)) is None


def test_code_is_not_sent_without_end(client: Client, rosa: User, mailoutbox: list[EmailMessage]) -> None:
    answers = [ask_code(Client(), rosa.email) for _ in range(4)]
    assert len(mailoutbox) == 3
    assert "Too many" in answers[-1].content.decode()


def test_code_works_while_redis_is_away(
    client: Client, rosa: User, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = RedisOrOwnMemory(f"redis://127.0.0.1:{free_port()}/0", {"OPTIONS": {"socket_connect_timeout": 1}})
    monkeypatch.setattr("django.core.cache.cache._connections", _Only(away))
    for _ in range(4):
        ask_code(Client(), rosa.email)
    assert len(mailoutbox) == 3  # and guessing is still limited, by this process
    assert client.get("/login/").status_code == 200


class _Only:
    """Django's caches, when there is but one."""

    def __init__(self, cache: RedisOrOwnMemory) -> None:
        self.cache = cache

    def __getitem__(self, alias: str) -> RedisOrOwnMemory:
        return self.cache


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- signing up ----------------------------------------------------------------------------------------------------
def test_signup_makes_an_account_once_the_code_is_typed(client: Client, mailoutbox: list[EmailMessage]) -> None:
    asked = client.post("/signup/", {"email": "Nina@Example.org"})
    assert asked["Location"] == "/confirm-email/"
    assert client.get("/account/").status_code == 302
    answer = client.post("/confirm-email/", {"code": code_in(mailoutbox[0])})
    assert answer["Location"] == "/"
    nina = User.objects.get(email="nina@example.org")
    assert not nina.has_usable_password()
    assert EmailAddress.objects.get(user=nina).verified


def test_signup_with_a_known_address_does_not_tell(client: Client, rosa: User, mailoutbox: list[EmailMessage]) -> None:
    answer = client.post("/signup/", {"email": rosa.email})
    assert answer["Location"] == "/confirm-email/"
    assert CODE.search(str(mailoutbox[0].body)) is None
    assert User.objects.count() == 1


# --- passwords -----------------------------------------------------------------------------------------------------
def test_password_of_an_account_made_on_the_server_needs_no_mail(
    client: Client, rosa: User, mailoutbox: list[EmailMessage]
) -> None:
    answer = client.post("/login/", {"login": rosa.email, "password": "correct horse"})
    assert answer["Location"] == "/"
    assert mailoutbox == []


def test_password_is_not_guessed_without_end(client: Client, rosa: User) -> None:
    for _ in range(6):
        client.post("/login/", {"login": rosa.email, "password": "correct house"})
    answer = client.post("/login/", {"login": rosa.email, "password": "correct horse"})
    assert answer.status_code == 200
    assert client.get("/account/").status_code == 302


# --- the second factor that roles need -----------------------------------------------------------------------------
@pytest.fixture
def strict(settings: LazySettings) -> None:
    settings.REQUIRE_MFA = True


def add_app(user: User) -> str:
    secret = str(generate_totp_secret())
    TOTP.activate(user, secret)
    return secret


def code_of(secret: str) -> str:
    _, counter, _ = yield_hotp_counters_from_time()
    return str(format_hotp_value(hotp_value(secret, counter)))


@pytest.mark.parametrize("address", ["/", "/review/euro/", "/runs/euro/", "/admin/"])
def test_role_without_a_factor_is_led_to_one(client: Client, rosa: User, strict: None, address: str) -> None:
    projects.add_member(pages.make_project(), rosa, "lead")
    client.force_login(rosa)
    assert client.get(address)["Location"] == "/account/second-factor"
    page = client.get("/account/second-factor").content.decode()
    assert f'href="{address}"' in page  # and back


def test_role_without_a_factor_gets_no_photo_from_scripts(client: Client, rosa: User, strict: None) -> None:
    projects.add_member(pages.make_project(), rosa)
    client.force_login(rosa)
    answer = client.get("/review/euro/queue", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/second-factor-needed")
    assert client.post("/review/euro/decisions", {}, "application/json").status_code == 403


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/v1/consents/current", 200),
        ("/models/latest", 400),
        ("/healthz", 200),
        ("/account/", 200),
        ("/logout/", 405),
    ],
)
def test_role_without_a_factor_reaches_what_is_open_to_all(
    client: Client, rosa: User, strict: None, address: str, status: int
) -> None:
    projects.add_member(pages.make_project(), rosa)
    client.force_login(rosa)
    assert client.get(address).status_code == status


@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
def test_staff_without_a_factor_is_led_to_one(client: Client, strict: None, flag: str) -> None:
    root = User.objects.create_user("root@example.org")
    User.objects.filter(pk=root.pk).update(**{flag: True})
    client.force_login(root)
    assert client.get("/admin/")["Location"] == "/account/second-factor"


def test_role_with_a_factor_passes(client: Client, rosa: User, strict: None) -> None:
    projects.add_member(pages.make_project(), rosa)
    add_app(rosa)
    client.force_login(rosa)
    assert client.get("/review/euro/").status_code == 200


def test_recovery_codes_alone_are_no_factor(client: Client, rosa: User, strict: None) -> None:
    projects.add_member(pages.make_project(), rosa)
    Authenticator.objects.create(user=rosa, type=Authenticator.Type.RECOVERY_CODES, data={})
    client.force_login(rosa)
    assert client.get("/review/euro/").status_code == 302


def test_volunteer_needs_no_factor(client: Client, rosa: User, strict: None) -> None:
    client.force_login(rosa)
    assert client.get("/").status_code == 200


def test_role_without_a_factor_passes_where_none_is_required(client: Client, rosa: User) -> None:
    projects.add_member(pages.make_project(), rosa)
    client.force_login(rosa)
    assert client.get("/review/euro/").status_code == 200


def test_factor_is_asked_for_after_the_password(client: Client, rosa: User) -> None:
    secret = add_app(rosa)
    answer = client.post("/login/", {"login": rosa.email, "password": "correct horse"})
    assert answer["Location"] == "/account/factors/authenticate/"
    assert client.get("/account/").status_code == 302
    client.post("/account/factors/authenticate/", {"code": code_of(secret)})
    assert client.get("/account/").status_code == 200


def test_factor_right_after_signing_in_asks_for_nothing_more(client: Client, rosa: User) -> None:
    client.post("/login/", {"login": rosa.email, "password": "correct horse"})
    assert client.get("/account/factors/totp/activate/").status_code == 200


def test_second_factor_of_an_account_asks_for_the_first(client: Client, rosa: User) -> None:
    add_app(rosa)
    client.force_login(rosa)
    assert "/reauthenticate/" in client.get("/account/factors/webauthn/add/")["Location"]


def test_admin_signs_in_on_the_one_page(client: Client) -> None:
    assert client.get("/admin/login/?next=/admin/")["Location"] == "/login/?next=%2Fadmin%2F"


def test_secret_of_an_app_is_stored_encrypted_and_survives_a_new_key(rosa: User, settings: LazySettings) -> None:
    secret = add_app(rosa)
    stored = Authenticator.objects.get()
    assert secret not in str(stored.data)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key", [settings.SECRET_KEY]
    assert stored.wrap().validate_code(code_of(secret))


def test_admin_may_delete_a_factor_and_sees_no_secret(client: Client, rosa: User) -> None:
    add_app(rosa)
    factor = Authenticator.objects.get()
    client.force_login(User.objects.create_superuser("root@example.org"))
    assert b"1 authenticator" in client.get("/admin/mfa/authenticator/?q=rosa@").content
    page = client.get(f"/admin/mfa/authenticator/{factor.pk}/change/").content.decode()
    assert factor.data["secret"] not in page
    client.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"})
    assert not Authenticator.objects.exists()


def test_admin_finds_sessions_by_address(client: Client, rosa: User) -> None:
    Client().post("/login/", {"login": rosa.email, "password": "correct horse"})
    client.force_login(User.objects.create_superuser("root@example.org"))
    assert b"1 user session" in client.get("/admin/usersessions/usersession/?q=rosa@").content


# --- where mail goes -----------------------------------------------------------------------------------------------
def test_email_url_of_a_mail_server_encrypts() -> None:
    mail = read_email_url("smtp://me%40x.org:p%2Fw@mail.example.org")
    assert (mail.host, mail.port, mail.user, mail.password) == ("mail.example.org", 587, "me@x.org", "p/w")
    assert (mail.use_tls, mail.use_ssl) == (True, False)


def test_email_url_smtps_is_encrypted_from_the_start() -> None:
    mail = read_email_url("smtps://mail.example.org")
    assert (mail.port, mail.use_tls, mail.use_ssl) == (465, False, True)


@pytest.mark.parametrize("url", ["mail.example.org", "smtp://", "file:", "smtp://host:many"])
def test_email_url_that_cannot_be_used_says_what_can(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="Allowed are smtp://"):
        read_email_url(url)


def test_email_url_is_never_repeated_with_its_password() -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read_email_url("smpt://me:secret@mail.example.org")
    assert "secret" not in str(refused.value)

"""Signing in by a code, then by a passkey; and every page of the account in every light and width."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.usersessions.models import UserSession
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.core.mail import EmailMessage
from django.utils import timezone
from playwright.sync_api import Page, expect

from collector.domain import devices, erasures, exports, projects
from collector.domain.people import Person, person_of_user
from collector.models import Device, Volunteer
from foundation.models import User
from tests import pages
from tests.e2e.conftest import SignIn
from tests.e2e.test_pages_look import JUDGED, SIGHTS, find_serious, is_complaint, save_picture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36"
CODE = re.compile(r"\b([A-Z]{4}-[A-Z]{4})\b")


@pytest.fixture(autouse=True)
def _no_earlier_attempts(settings: LazySettings, tmp_path: Path) -> None:
    caches["default"].clear()
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"


def add_authenticator(page: Page) -> None:
    """A phone with a fingerprint that always fits."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_code_then_passkey_then_passkey_alone(
    open_as: SignIn, mailoutbox: list[EmailMessage], settings: LazySettings
) -> None:
    settings.REQUIRE_MFA = True
    rosa = pages.make_user("rosa@example.org", reviews=pages.make_project(), display_name="Rosa")
    page = open_as(None, "/review/euro/")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(f"Uncaught {error}"))
    add_authenticator(page)

    page.keyboard.type("rosa@example.org")  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/code/confirm/**")
    found = CODE.search(str(mailoutbox[0].body))
    assert found is not None
    page.get_by_label("Code").fill(found.group(1))
    page.get_by_role("button", name="Confirm").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("One more step for your role")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("What to call it").fill("My phone")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery Codes")
    assert Authenticator.objects.filter(user=rosa, type=Authenticator.Type.WEBAUTHN).count() == 1
    page.get_by_role("link", name="/review/euro/").click()  # back to where she was going
    page.wait_for_url("**/review/euro/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Review")

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login/**")
    page.goto("/review/euro/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Review")
    page.goto("/account/")
    expect(page.get_by_text("My phone")).to_be_visible()
    assert [text for text in complaints if is_complaint(text)] == []
    assert len([mail for mail in mailoutbox if CODE.search(str(mail.body))]) == 1


def test_passkey_that_fails_is_said_in_words(open_as: SignIn) -> None:
    page = open_as(None, "/login/")
    page.evaluate("() => { navigator.credentials.get = () => Promise.reject(new DOMException('no')) }")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_have_text("The passkey did not work. Try again, or take a code.")


# --- how they look -------------------------------------------------------------------------------------------------
def before_nothing(page: Page) -> None:
    page.wait_for_load_state("networkidle")


def before_code(page: Page) -> None:
    page.get_by_label("E-mail address").fill("anna@example.org")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/code/confirm/**")


def before_wrong_password(page: Page) -> None:
    page.get_by_text("I have a password").click()
    page.get_by_label("E-mail address").fill("anna@example.org")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#login-error")


LOOKS: dict[str, tuple[str, str | None, Callable[[Page], None]]] = {
    "sign-in": ("/login/", None, before_nothing),
    "sign-in-code": ("/login/", None, before_code),
    "sign-in-wrong": ("/login/", None, before_wrong_password),
    "sign-up": ("/signup/", None, before_nothing),
    "password-forgotten": ("/password/reset/", None, before_nothing),
    "account": ("/account/", "anna", before_nothing),
    "account-empty": ("/account/", "nobody", before_nothing),
    "account-email": ("/email/", "anna", before_nothing),
    "account-erase": ("/account/erase", "anna", before_nothing),
    "account-erased": ("/account/erased/{erasure}", None, before_nothing),
    "factors": ("/account/factors/", "anna", before_nothing),
    "factors-passkeys": ("/account/factors/webauthn/", "anna", before_nothing),
    "factors-passkey-add": ("/account/factors/webauthn/add/", "new", before_nothing),
    "factors-app": ("/account/factors/totp/activate/", "new", before_nothing),
    "factors-recovery": ("/account/factors/recovery-codes/", "anna", before_nothing),
    "factors-needed": ("/account/second-factor", "new", before_nothing),
    "reauthenticate": ("/reauthenticate/", "anna", before_nothing),
}


@pytest.fixture
def people() -> dict[str | None, User | None]:
    """Anna has a phone, photos, a passkey and an export; nobody has nothing."""
    euro = pages.make_project()
    anna = pages.make_user("anna@example.org")
    volunteer, _ = pages.make_volunteer("Anna")
    Volunteer.objects.filter(pk=volunteer.pk).update(user=anna)
    Device.objects.update(name="Anna's old iPhone 15 Pro Max with the cracked screen")
    devices.add_device(volunteer, "tablet")
    pages.make_photo(euro, volunteer)
    exports.make_export(exports.ask_export(person_of_user(anna)).pk)
    for name in ("My phone", "The key on my keyring"):
        Authenticator.objects.create(user=anna, type=Authenticator.Type.WEBAUTHN, data={"name": name})
    RecoveryCodes.activate(anna)
    Session.objects.create(session_key="elsewhere", session_data="", expire_date=timezone.now() + timedelta(days=1))
    UserSession.objects.create(user=anna, session_key="elsewhere", ip="203.0.113.9", user_agent=AGENT)
    return {None: None, "anna": anna, "nobody": pages.make_user("nobody@example.org"), "new": made_by_code()}


def made_by_code() -> User:
    user = User.objects.create_user("new@example.org")
    projects.add_member(projects.get_project("euro"), user)
    return user


@pytest.mark.parametrize("name", LOOKS)
def test_page_in_every_light_and_width(name: str, people: dict[str | None, User | None], open_as: SignIn) -> None:
    path, who, prepare = LOOKS[name]
    erasure = erasures.ask_erasure(Person(volunteer=pages.make_volunteer()[0]))
    page = open_as(people[who], "/healthz")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(f"Uncaught {error}"))
    answer = page.goto(path.format(erasure=erasure.pk))
    assert answer is not None
    assert answer.status == 200
    prepare(page)
    for scheme, width, height in SIGHTS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        save_picture(page, f"{name}-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if (scheme, width) in JUDGED:
            assert find_serious(page) == []
    assert [text for text in complaints if is_complaint(text)] == []

"""A phone that signs in to an account, over HTTP, as docs/protocol.md says."""

import re
from typing import TYPE_CHECKING, Any

from django.core import mail
from django.core.cache import caches
from django.test import Client

from tests.collector.conftest import API, Phone

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

APP = "/_allauth/app/v1/auth"
CODE = re.compile(r"\b([A-Z]{4}-[A-Z]{4})\b")


def post(path: str, body: dict[str, Any], session: str = "") -> "Answer":
    """A request of an app to an address of signing in."""
    headers = {"X-Session-Token": session} if session else {}
    return Client().post(f"{APP}/{path}", body, "application/json", headers=headers)


def last_code() -> str:
    """The code in the newest mail."""
    return str(CODE.findall(str(mail.outbox[-1].body))[-1])


def sign_up(email: str) -> str:
    """A new account's session."""
    caches["default"].clear()  # limits are per address, and all tests come from one
    asked = post("signup", {"email": email})
    assert asked.status_code == 401, asked.content
    done = post("email/verify", {"key": last_code()}, asked.json()["meta"]["session_token"])
    assert done.status_code == 200, done.content
    return str(done.json()["meta"].get("session_token") or asked.json()["meta"]["session_token"])


def sign_in(email: str) -> str:
    """A session of an account that is there."""
    caches["default"].clear()
    asked = post("code/request", {"email": email})
    assert asked.status_code == 401, asked.content
    done = post("code/confirm", {"code": last_code()}, asked.json()["meta"]["session_token"])
    assert done.status_code == 200, done.content
    return str(done.json()["meta"]["session_token"])


def join(phone: Phone, session: str) -> "Answer":
    """The phone's guest becomes the account."""
    headers = {**phone.headers, "X-Session-Token": session}
    return phone.client.post(f"{API}/volunteer/account", headers=headers)

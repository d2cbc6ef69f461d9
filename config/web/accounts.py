"""Where Daybreak differs from django-allauth: who is trusted, when to ask again, what the form for a passkey says."""

import base64
import hashlib
import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.forms import LoginForm
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from cryptography.fernet import Fernet, MultiFernet
from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from foundation.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth's types are not for subclasses
    """Named in the settings."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "This e-mail address and password do not belong together. Check both and try again; "
        "the password's capitals matter."
    }

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Take over the address of an account that whoever runs this server made.

        Signing up always writes an address, to be proved by a code. Without one, the account comes from the command
        line or the admin, and its first sign-in must not wait for mail that a new server cannot send yet.
        """
        if not EmailAddress.objects.filter(user=user).exists():
            EmailAddress.objects.get_or_create(
                user=user, email=user.email, defaults={"verified": True, "primary": True}
            )
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Not right after signing in: that asked for everything there was to ask for."""
        request = self.request
        if request.user.is_authenticated:
            last = max((record["at"] for record in get_authentication_records(request, request.user)), default=0)
            if time.time() - last < REAUTHENTICATION_TIMEOUT:
                return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # as above
    """Named in the settings. Secrets of apps and recovery codes are stored encrypted, under SECRET_KEY."""

    def encrypt(self, text: str) -> str:
        """With the key of today."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """With the key of today or one of SECRET_KEY_FALLBACKS."""
        return _cipher().decrypt(encrypted_text.encode()).decode()

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002 -- the library's name
        """What a new passkey is called until its owner says otherwise."""
        count = Authenticator.objects.filter(user=user, type=type).count()
        return f"Passkey {count + 1}" if count else "Passkey"


class SignInForm(LoginForm):  # type: ignore[misc]  # as above
    """An address alone asks for a code; with a password it signs in, where the account has one."""

    def _setup_password_field(self) -> None:
        # The library drops the field where signing up asks for no password.
        self.fields["password"].required = False


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]  # as above
    """The key is made a passkey unless somebody has a plain security key."""

    name = forms.CharField(label="What to call it", required=False, max_length=100)
    passwordless = forms.BooleanField(
        label="Sign in with it alone",
        required=False,
        initial=True,
        help_text="Needs a fingerprint, a face or a PIN. Leave it out for a security key that only confirms a code.",
    )


def _cipher() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(f"factors:{key}".encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])

"""Volunteers who start as guests: one device, one token, of which only the hash is kept."""

import hashlib
import secrets

from django.conf import settings

from collector.models import Volunteer
from foundation.problems import Problem

TOKEN_BYTES = 32  # 256 bits from the operating system: nothing to guess, so a plain hash is enough to store


def register_guest(consent_version: str) -> tuple[Volunteer, str]:
    """Record which consent text was agreed to, and return the volunteer with the token, which nobody sees again.

    Raises Problem ``unknown-consent-version`` for any text but the current one.
    """
    if consent_version != settings.CONSENT_VERSION:
        raise Problem(
            "unknown-consent-version",
            400,
            f"The consent text {consent_version!r} is not the current one.",
            allowed=settings.CONSENT_VERSION,
            do="Show the current consent text and ask again.",
        )
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return Volunteer.objects.create(token_sha256=_hash(token), consent_version=consent_version), token


def find_volunteer_by_token(token: str) -> Volunteer | None:
    """The volunteer who holds this token, or None."""
    if not token:
        return None
    return Volunteer.objects.filter(token_sha256=_hash(token)).first()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

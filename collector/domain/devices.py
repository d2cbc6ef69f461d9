"""Devices that may speak for a volunteer. A token is shown once; only its hash is kept."""

import hashlib
import secrets

from collector.models import Device, Volunteer

TOKEN_BYTES = 32  # 256 bits from the operating system: nothing to guess, so a plain hash is enough to store


def add_device(volunteer: Volunteer, name: str = "") -> tuple[Device, str]:
    """Let one more device speak for the volunteer, and return it with the token, which nobody sees again."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return Device.objects.create(volunteer=volunteer, token_sha256=_hash(token), name=name), token


def find_device(token: str) -> Device | None:
    """The device that holds this token, with its volunteer; None where there is none or it was revoked."""
    if not token:
        return None
    return Device.objects.filter(token_sha256=_hash(token), revoked_at=None).select_related("volunteer").first()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

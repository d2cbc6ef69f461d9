"""Devices that may speak for a volunteer: logins that can be listed and revoked.

A token is shown once; only its hash is kept.
"""

import hashlib
import secrets

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from collector.models import Device, Volunteer
from foundation.problems import Problem

TOKEN_BYTES = 32  # 256 bits from the operating system: nothing to guess, so a plain hash is enough to store


def add_device(volunteer: Volunteer, name: str = "") -> tuple[Device, str]:
    """Let one more device speak for the volunteer, and return it with the token, which nobody sees again."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return Device.objects.create(volunteer=volunteer, token_sha256=_hash(token), name=name), token


def find_device(token: str) -> Device | None:
    """The device that holds this token, with its volunteer; None where there is none or it was revoked.

    Notes the day it was seen, once a day.
    """
    if not token:
        return None
    device = Device.objects.filter(token_sha256=_hash(token), revoked_at=None).select_related("volunteer__user").first()
    if device is not None:
        _note_seen(device)
    return device


def devices_of(volunteer: Volunteer) -> QuerySet[Device]:
    """The devices that may speak for the volunteer, newest first."""
    return Device.objects.filter(volunteer=volunteer, revoked_at=None).order_by("-created_at", "-pk")


def revoke_device(volunteer: Volunteer, device_id: int) -> None:
    """Let the device speak for nobody any more, from the next request on. Twice is fine.

    Raises Problem ``unknown-device`` for a device of somebody else.
    """
    mine = Device.objects.filter(pk=device_id, volunteer=volunteer)
    if not mine.filter(revoked_at=None).update(revoked_at=Now()) and not mine.exists():
        raise Problem("unknown-device", 404, f"You have no device {device_id}.", do="Reload the list of your devices.")


def _note_seen(device: Device) -> None:
    today = timezone.now().date()
    if device.last_seen_on is None or device.last_seen_on < today:
        before = Q(last_seen_on=None) | Q(last_seen_on__lt=today)
        Device.objects.filter(before, pk=device.pk).update(last_seen_on=today)
        device.last_seen_on = today


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

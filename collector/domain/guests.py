"""Volunteers who start as guests, on one device."""

from django.db import transaction

from collector.domain import consents, devices
from collector.models import Device, Volunteer


def register_guest(consent_version: str, device_name: str = "") -> tuple[Device, str]:
    """Record which consent text was agreed to, and return the guest's device with its token, which nobody sees again.

    Raises Problem ``unknown-consent-version`` for any text but the current one.
    """
    text = consents.get_current_text(consent_version)
    with transaction.atomic():
        volunteer = Volunteer.objects.create()
        consents.agree(volunteer, text)
        return devices.add_device(volunteer, device_name)

"""Volunteers, the devices that may speak for them, and what they agreed to."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Volunteer(models.Model):
    """A person who photographs; a guest on one device until they sign in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    nickname = models.CharField(max_length=60, blank=True)
    # Set by an import only: the owner's own name for the person, unique within a project.
    import_project = models.ForeignKey(
        "collector.Project", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    import_name = models.CharField(max_length=200, blank=True)
    is_known = models.BooleanField(default=True)  # False: an import that did not say who took the photos
    # The volunteer this one turned out to be; the photos have moved there.
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged")
    erased_at = models.DateTimeField(null=True, blank=True)  # at their own wish: nothing else is left of them
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["import_project", "import_name"], name="imported_volunteer_once")
        ]

    def __str__(self) -> str:
        return self.nickname or self.import_name or f"guest {self.pk}"


class Device(models.Model):
    """A phone or browser that may speak for a volunteer: a login that can be revoked. Only the token's hash is kept."""

    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="devices")
    token_sha256 = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=80, blank=True)  # as the app calls it, such as "iPhone 15"
    created_at = models.DateTimeField(db_default=Now())
    last_seen_on = models.DateField(null=True, blank=True)  # a day is enough to recognise it, and to keep writes rare
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name or f"device {self.pk}"


class ConsentText(models.Model):
    """A text volunteers agree to. Once published it never changes; a new wording is a new version."""

    version = models.CharField(max_length=20, unique=True)
    body = models.TextField()
    published_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.version


class Consent(models.Model):
    """One volunteer agreed to one text: the proof that photos point to."""

    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="consents")
    text = models.ForeignKey(ConsentText, on_delete=models.PROTECT, related_name="+")
    agreed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["volunteer", "text"], name="consent_once")]

    def __str__(self) -> str:
        return f"{self.text} by {self.volunteer_id}"

"""What people take with them, and the proof that they left."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Export(models.Model):
    """A zip of everything held about one person. The file is made by a job and kept for EXPORT_DAYS."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    volunteer = models.ForeignKey("collector.Volunteer", null=True, on_delete=models.CASCADE, related_name="exports")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="exports")
    photos_total = models.PositiveIntegerField(default=0)
    photos_done = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    asked_at = models.DateTimeField(db_default=Now())
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["volunteer"], name="one_export_a_volunteer"),
            models.UniqueConstraint(fields=["user"], name="one_export_a_user"),
            models.CheckConstraint(
                condition=models.Q(volunteer__isnull=False) | models.Q(user__isnull=False), name="export_of_somebody"
            ),
        ]

    def __str__(self) -> str:
        return f"export {self.pk}"


class Erasure(models.Model):
    """Somebody left, with all they had sent: the receipt, which names nobody."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    volunteer = models.OneToOneField("collector.Volunteer", null=True, on_delete=models.PROTECT)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT)
    photos = models.PositiveIntegerField(default=0)
    erased_up_to = models.UUIDField(null=True)  # photos in the order of their ids: where a killed job goes on
    asked_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(volunteer__isnull=False) | models.Q(user__isnull=False), name="erasure_of_somebody"
            )
        ]

    def __str__(self) -> str:
        return f"erasure {self.pk}"

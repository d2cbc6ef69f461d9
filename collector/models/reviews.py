"""What reviewers decided, what they hold, and what was said besides."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from collector.enums import AppealAnswer, RejectReason, ReviewAction, ServedAs


class Review(models.Model):
    """One decision on one photo. Append-only: an undo is a row of its own that points to what it takes back.

    A trigger of the database refuses to change or delete a row.
    """

    photo = models.ForeignKey("collector.Photo", on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    action = models.CharField(max_length=8, choices=ReviewAction)
    reason = models.CharField(max_length=24, choices=RejectReason, blank=True)
    label = models.ForeignKey("collector.Label", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    condition_holds = models.BooleanField(null=True, blank=True)  # None: the challenge asked for none
    # One press of a key may decide on many photos; undoing takes all of them back.
    decision = models.UUIDField(default=uuid.uuid4)
    normalised_sha256 = models.CharField(max_length=64)  # what the reviewer saw is what is trained
    undoes = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="undone_by")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["decision", "photo"], name="review_once_per_decision")]
        indexes: ClassVar = [models.Index(fields=["reviewer", "-created_at"], name="review_by_reviewer")]

    def __str__(self) -> str:
        return f"{self.get_action_display()} by {self.reviewer}"


class Hold(models.Model):
    """A photo on one reviewer's screen: nobody else is given it until then. A lease, not a lock: anybody may decide."""

    photo = models.OneToOneField("collector.Photo", primary_key=True, on_delete=models.CASCADE)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.photo_id} by {self.reviewer_id}"


class Opinion(models.Model):
    """A vote that decides nothing, on a photo that was decided before: for measuring reviewers.

    Never changes, but that an answer may be taken back and given again.
    """

    photo = models.ForeignKey("collector.Photo", on_delete=models.CASCADE, related_name="opinions")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="opinions")
    served_as = models.CharField(max_length=6, choices=ServedAs)
    action = models.CharField(max_length=8, choices=ReviewAction, blank=True)  # empty: served, not answered yet
    reason = models.CharField(max_length=24, choices=RejectReason, blank=True)
    label = models.ForeignKey("collector.Label", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    agrees = models.BooleanField(null=True, blank=True)
    decision = models.UUIDField(null=True, blank=True)  # as in Review: what undo takes back
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["photo", "reviewer"], name="opinion_once")]
        indexes: ClassVar = [models.Index(fields=["reviewer", "-created_at"], name="opinion_by_reviewer")]

    def __str__(self) -> str:
        return f"{self.get_served_as_display()} by {self.reviewer_id}"


class Revert(models.Model):
    """A lead takes back every standing decision of a person, a device or some hours. Worked off in parts, by a job."""

    project = models.ForeignKey("collector.Project", on_delete=models.CASCADE, related_name="reverts")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    scope = models.JSONField()  # reviewer, volunteer, device, since, until; see domain.reverts
    newest_review = models.BigIntegerField()  # decisions taken after the preview are not meant
    found = models.PositiveIntegerField()  # in the preview
    reverted = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"revert {self.pk}"


class Appeal(models.Model):
    """A volunteer asks to look again at a rejected photo: once for each rejection."""

    review = models.OneToOneField(Review, on_delete=models.CASCADE, related_name="appeal")
    photo = models.ForeignKey("collector.Photo", on_delete=models.CASCADE, related_name="appeals")
    text = models.CharField(max_length=500, blank=True)
    answer = models.CharField(max_length=10, choices=AppealAnswer, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["created_at"], name="appeal_open", condition=models.Q(answer=""))]

    def __str__(self) -> str:
        return f"appeal for {self.photo_id}"

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from collector.enums import DeletionCause, PhotoState, PinnedSplit, Remark


class Photo(models.Model):
    """One uploaded image and its history; the phone chose the UUID. Blobs are keyed by it, never by content."""

    id = models.UUIDField(primary_key=True, editable=False)
    project = models.ForeignKey("collector.Project", on_delete=models.PROTECT, related_name="photos")
    volunteer = models.ForeignKey("collector.Volunteer", on_delete=models.PROTECT, related_name="photos")
    challenge = models.ForeignKey("collector.Challenge", null=True, blank=True, on_delete=models.SET_NULL)
    is_late = models.BooleanField(default=False)  # outside its challenge's day and grace; kept all the same
    # Which login sent it and which text its owner had agreed to; imports have neither.
    device = models.ForeignKey("collector.Device", null=True, blank=True, on_delete=models.SET_NULL)
    consent = models.ForeignKey("collector.Consent", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    claimed_label = models.ForeignKey(
        "collector.Label", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    label = models.ForeignKey("collector.Label", null=True, blank=True, on_delete=models.PROTECT, related_name="photos")
    state = models.CharField(max_length=16, choices=PhotoState, default=PhotoState.RECEIVED)
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_because = models.CharField(max_length=10, choices=DeletionCause, blank=True)
    unreadable_reason = models.CharField(max_length=300, blank=True)
    media_type = models.CharField(max_length=30)
    size_bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)  # of the original bytes
    original_deleted_at = models.DateTimeField(null=True, blank=True)
    normalised_sha256 = models.CharField(max_length=64, blank=True)
    normalised_at = models.DateTimeField(null=True, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)  # of the normalised photo, pixels
    height = models.PositiveIntegerField(null=True, blank=True)
    look_hash = models.CharField(max_length=64, blank=True)  # difference hash of the normalised photo, hex
    look64 = models.BigIntegerField(null=True, blank=True)  # a smaller one, for finding bursts; see domain.stacks
    # Light, sharpness and the like as numbers; verdicts belong to the challenge and are kept as remarks.
    measurements = models.JSONField(default=dict, blank=True)
    remarks = ArrayField(models.CharField(max_length=12, choices=Remark), default=list, blank=True)
    # Photos of one moment share a stack, named by its first photo; reviewers see the one on top.
    stack = models.UUIDField(null=True, blank=True)
    is_top = models.BooleanField(default=True)
    # What makes it worth a look now, each 0 to 1; ``value`` weighs them and age (see domain.ordering).
    disagreement = models.FloatField(default=0)
    need = models.FloatField(default=0)
    novelty = models.FloatField(default=0)
    value = models.FloatField(default=0)
    condition_holds = models.BooleanField(null=True, blank=True)  # None: not asked for, or not reviewed yet
    is_gold = models.BooleanField(default=False)  # its answer is settled: reviewers are measured by it
    is_disputed = models.BooleanField(default=False)  # a second opinion differed: a lead decides
    pinned_split = models.CharField(max_length=6, choices=PinnedSplit, blank=True)
    captured_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(db_default=Now())
    release = models.CharField(max_length=40, blank=True)  # the release on the phone, if it said so
    scores = models.JSONField(default=dict, blank=True)  # slug -> probability, what that release answered

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["project", "received_at", "id"],
                name="photo_review_queue",
                condition=models.Q(state=PhotoState.AWAITING_REVIEW),
            ),
            models.Index(
                fields=["project", "id"], name="photo_accepted", condition=models.Q(state=PhotoState.ACCEPTED)
            ),
            models.Index(fields=["volunteer", "received_at"], name="photo_by_volunteer"),
            models.Index(
                fields=["received_at"],
                name="photo_original_kept",
                condition=models.Q(original_deleted_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"photo {self.pk}, {self.get_state_display()}"

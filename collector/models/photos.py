from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from collector.enums import DECIDED, DeletionCause, PhotoState, PinnedSplit, Remark

# What reviewers are shown: of each stack of photos that wait, the one on top.
ON_TOP = models.Q(state=PhotoState.AWAITING_REVIEW, is_top=True)


class LookBand(models.Func):
    """16 of the 64 bits of ``look64``, as a number: the lowest, or those above. Written exactly as in its index."""

    output_field = models.BigIntegerField()

    def __init__(self, band: int, **extra: Any) -> None:
        super().__init__(models.F("look64"), template=f"((%(expressions)s >> {16 * band}) & 65535)", **extra)


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
    is_blind = models.BooleanField(default=False)  # its value is drawn by lot, and no model's opinion is shown with it
    condition_holds = models.BooleanField(null=True, blank=True)  # None: not asked for, or not reviewed yet
    decided_by = models.ForeignKey(  # who took the decision that stands
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    is_gold = models.BooleanField(default=False)  # its answer is settled: reviewers are measured by it
    is_disputed = models.BooleanField(default=False)  # a second opinion differed: a lead decides
    pinned_split = models.CharField(max_length=6, choices=PinnedSplit, blank=True)
    captured_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(db_default=Now())
    release = models.CharField(max_length=40, blank=True)  # the release on the phone, if it said so
    scores = models.JSONField(default=dict, blank=True)  # slug -> probability, what that release answered

    class Meta:
        indexes: ClassVar = [
            # Each ends in id, so that a page can start where the last one ended.
            models.Index(fields=["project", "-value", "-id"], name="photo_queue_value", condition=ON_TOP),
            models.Index(fields=["project", "received_at", "id"], name="photo_queue_age", condition=ON_TOP),
            models.Index(fields=["project", "-disagreement", "-id"], name="photo_queue_disagreement", condition=ON_TOP),
            models.Index(fields=["project", "-need", "-id"], name="photo_queue_need", condition=ON_TOP),
            models.Index(fields=["project", "-novelty", "-id"], name="photo_queue_novelty", condition=ON_TOP),
            models.Index(fields=["label", "-value", "-id"], name="photo_queue_label", condition=ON_TOP),
            models.Index(fields=["challenge", "-value", "-id"], name="photo_queue_challenge", condition=ON_TOP),
            models.Index(fields=["volunteer", "-value", "-id"], name="photo_queue_volunteer", condition=ON_TOP),
            models.Index(
                fields=["project", "-value", "-id"],
                name="photo_queue_remarked",
                condition=ON_TOP & ~models.Q(remarks=[]),
            ),
            models.Index(
                fields=["decided_by", "project", "state", "received_at", "id"],
                name="photo_decided_by",
                condition=models.Q(decided_by__isnull=False),
            ),
            models.Index(
                fields=["project", "state", "received_at", "id"],
                name="photo_decided",
                condition=models.Q(state__in=list(DECIDED)),
            ),
            models.Index(
                fields=["project", "id"], name="photo_accepted", condition=models.Q(state=PhotoState.ACCEPTED)
            ),
            models.Index(
                fields=["project", "id"], name="photo_rejected", condition=models.Q(state=PhotoState.REJECTED)
            ),
            models.Index(fields=["project", "id"], name="photo_gold", condition=models.Q(is_gold=True)),
            models.Index(fields=["project", "id"], name="photo_disputed", condition=models.Q(is_disputed=True)),
            models.Index(fields=["volunteer", "received_at"], name="photo_by_volunteer"),
            models.Index(
                fields=["received_at"],
                name="photo_original_kept",
                condition=models.Q(original_deleted_at=None),
            ),
            models.Index(fields=["stack"], name="photo_stack"),
            # Stacks: a volunteer's latest photos for one challenge, and look-alikes of a label across the project.
            models.Index(
                fields=["volunteer", "challenge", "claimed_label", "received_at"],
                name="photo_recent",
                condition=models.Q(look64__isnull=False),
            ),
            *(
                models.Index(
                    "project",
                    "claimed_label",
                    LookBand(band),
                    "received_at",
                    name=f"photo_look_band_{band}",
                    condition=models.Q(look64__isnull=False),
                )
                for band in range(4)
            ),
            # Coverage, and the need of what waits.
            models.Index(
                fields=["project", "label", "challenge", "condition_holds"],
                name="photo_coverage",
                condition=models.Q(state=PhotoState.ACCEPTED),
            ),
            models.Index(
                fields=["project", "claimed_label", "challenge", "need"],
                name="photo_waiting_by_claim",
                condition=models.Q(state=PhotoState.AWAITING_REVIEW),
            ),
        ]

    def __str__(self) -> str:
        return f"photo {self.pk}, {self.get_state_display()}"


class LostPhoto(models.Model):
    """A receipt of ours came back for bytes that we do not have. There must be none; whatever is here is our fault."""

    photo_id = models.UUIDField(primary_key=True, editable=False)  # no foreign key: that row is what is missing
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    received_at = models.DateTimeField()  # as the receipt says
    noticed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"lost photo {self.photo_id}"

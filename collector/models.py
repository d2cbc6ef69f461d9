"""Projects, volunteers, challenges, photos and reviews: fields and constraints. The rules live in domain/."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from collector.enums import LabelState, PhotoState, PinnedSplit, RejectReason, ReviewAction, Role


def default_architectures() -> list[str]:
    """The networks a new project tries, best guess first."""
    return ["mobilenet_v3_small"]


class Project(models.Model):
    """One thing an app recognises. One server hosts many."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    timezone = models.CharField(max_length=64, default="UTC")
    architectures = models.JSONField(default=default_architectures)
    # "imagenet": torchvision's download; "scratch": no start weights; else a path to a safetensors file.
    pretrained = models.CharField(max_length=500, default="imagenet")
    input_size = models.PositiveSmallIntegerField(default=224)  # pixels, square
    capture_profile = models.JSONField(default=dict, blank=True)
    fit_budget_s = models.PositiveIntegerField(default=1800)  # wall seconds a night may spend fitting
    min_golden_per_label = models.PositiveSmallIntegerField(default=10)
    margin = models.FloatField(default=0.01)  # non-inferiority margin of the gate, as a share of answers
    split_secret = models.CharField(max_length=64)  # keys the hash that sorts volunteers into train and golden
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="projects")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's role in one project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=Role, default=Role.REVIEWER)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display()} of {self.project}"


class Label(models.Model):
    """A class the model can answer. ``slug`` is stable for ever."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="labels")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=LabelState, default=LabelState.LIVE)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["position", "slug"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "slug"], name="label_slug_once")]

    def __str__(self) -> str:
        return self.name


class Volunteer(models.Model):
    """A person who photographs; a guest on one device until they sign in. Only the token's hash is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    nickname = models.CharField(max_length=60, blank=True)
    token_sha256 = models.CharField(max_length=64, unique=True, null=True, blank=True)
    consent_version = models.CharField(max_length=20)
    # Set by an import only: the owner's own name for the person, unique within a project.
    import_project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    import_name = models.CharField(max_length=200, blank=True)
    is_known = models.BooleanField(default=True)  # False: an import that did not say who took the photos
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["import_project", "import_name"], name="imported_volunteer_once")
        ]

    def __str__(self) -> str:
        return self.nickname or self.import_name or f"guest {self.pk}"


class Challenge(models.Model):
    """What to photograph on one day."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="challenges")
    day = models.DateField()
    label = models.ForeignKey(Label, null=True, blank=True, on_delete=models.PROTECT)
    text = models.CharField(max_length=300)
    condition = models.CharField(max_length=120, blank=True)
    target_count = models.PositiveIntegerField(default=100)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "day"], name="one_challenge_a_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.text}"


class Photo(models.Model):
    """One uploaded image and its history; the phone chose the UUID. Blobs are keyed by it, never by content."""

    id = models.UUIDField(primary_key=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="photos")
    volunteer = models.ForeignKey(Volunteer, on_delete=models.PROTECT, related_name="photos")
    challenge = models.ForeignKey(Challenge, null=True, blank=True, on_delete=models.SET_NULL)
    claimed_label = models.ForeignKey(Label, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    label = models.ForeignKey(Label, null=True, blank=True, on_delete=models.PROTECT, related_name="photos")
    state = models.CharField(max_length=16, choices=PhotoState, default=PhotoState.RECEIVED)
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


class Review(models.Model):
    """One decision on one photo. Append-only: an undo is a row of its own that points to what it takes back."""

    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    action = models.CharField(max_length=8, choices=ReviewAction)
    reason = models.CharField(max_length=24, choices=RejectReason, blank=True)
    label = models.ForeignKey(Label, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    normalised_sha256 = models.CharField(max_length=64)  # what the reviewer saw is what is trained
    undoes = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="undone_by")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["reviewer", "-created_at"], name="review_by_reviewer")]

    def __str__(self) -> str:
        return f"{self.get_action_display()} by {self.reviewer}"

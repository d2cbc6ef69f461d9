"""Projects, who belongs to them, and the words they use: labels and conditions."""

from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from collector.enums import ConditionAxis, LabelState, Role


def default_architectures() -> list[str]:
    """The networks a new project names."""
    return ["mobilenet_v3_small"]


class Project(models.Model):
    """One thing an app recognises. One server hosts many."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    timezone = models.CharField(max_length=64, default="UTC")
    architectures = models.JSONField(default=default_architectures)  # several: each night takes the best worth its cost
    # Million multiply-adds a photo above which a network pays for all it costs; None: no limit, the cheaper is liked.
    cost_target_m = models.PositiveIntegerField(
        "cost target, million multiply-adds", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    # "imagenet": torchvision's download; "scratch": no start weights; else a path to a safetensors file.
    pretrained = models.CharField(max_length=500, default="imagenet")
    input_size = models.PositiveSmallIntegerField(default=224)  # pixels, square
    capture_profile = models.JSONField(default=dict, blank=True)
    fit_budget_s = models.PositiveIntegerField(default=1800)  # wall seconds a night may spend fitting
    min_golden_per_label = models.PositiveSmallIntegerField(default=10)
    margin = models.FloatField(default=0.01)  # non-inferiority margin of the gate, as a share of answers
    wrong_answer_cost = models.PositiveSmallIntegerField(  # how many times worse than "none of these" a wrong answer is
        default=5, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    second_opinion_share = models.FloatField(default=0.05)  # of the photos served: already decided by somebody else
    gold_share = models.FloatField(default=0.03)  # of the photos served: their answer is settled
    licence = models.CharField(max_length=120, blank=True)  # under which its models may be used, for their model cards
    split_secret = models.CharField(max_length=64)  # keys the hash that sorts volunteers into train and golden
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="projects")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuses networks and a capture profile that no night could use, as ``PROJECT_CHECKS`` says."""
        found = {name: import_string(check)(getattr(self, name)) for name, check in settings.PROJECT_CHECKS.items()}
        faults = {name: " ".join(sentences) for name, sentences in found.items() if sentences}
        if faults:
            raise ValidationError(faults)


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


class Condition(models.Model):
    """A circumstance a challenge may ask for, such as dim light. ``slug`` is stable for ever."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="conditions")
    axis = models.CharField(max_length=12, choices=ConditionAxis)
    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)
    is_retired = models.BooleanField(default=False)  # no new challenge asks for it; what was gathered still counts

    class Meta:
        ordering: ClassVar = ["position", "slug"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "slug"], name="condition_slug_once")]

    def __str__(self) -> str:
        return self.name

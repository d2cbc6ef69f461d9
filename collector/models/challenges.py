from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Challenge(models.Model):
    """What to photograph on one day."""

    project = models.ForeignKey("collector.Project", on_delete=models.CASCADE, related_name="challenges")
    day = models.DateField()
    label = models.ForeignKey("collector.Label", null=True, blank=True, on_delete=models.PROTECT)
    text = models.CharField(max_length=300)
    conditions = models.ManyToManyField("collector.Condition", blank=True)
    # What its photos should measure, as name -> [least, most]; see domain.measuring. "Dark" can be the request.
    limits = models.JSONField(default=dict, blank=True)
    grace_days = models.PositiveSmallIntegerField(default=7)  # how late a photo taken on the day may still arrive
    target_count = models.PositiveIntegerField(default=100)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "day"], name="one_challenge_a_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.text}"

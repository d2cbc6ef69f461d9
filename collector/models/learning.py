"""What a night's training told about people's photos and about labels; handed over by the training, never changed here.

``night`` names the run: there is one for each project and night.
"""

from typing import ClassVar

from django.db import models


class Contribution(models.Model):
    """What one volunteer's photos changed in one night's model, measured by learning without them."""

    project = models.ForeignKey("collector.Project", on_delete=models.CASCADE, related_name="contributions")
    volunteer = models.ForeignKey("collector.Volunteer", on_delete=models.CASCADE, related_name="contributions")
    night = models.DateField()
    photos = models.PositiveIntegerField()  # of theirs that the model learned from
    fixed = models.PositiveIntegerField()  # golden photos that are named rightly only because of theirs
    broken = models.PositiveIntegerField()  # and those that would be named rightly without theirs
    low = models.IntegerField()  # 95% interval of fixed - broken
    high = models.IntegerField()
    labels = models.JSONField(default=dict, blank=True)  # slug -> golden photos gained, where any were

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "night", "volunteer"], name="contribution_once_a_night")
        ]

    def __str__(self) -> str:
        return f"{self.volunteer}, {self.night}: {self.fixed} fixed"


class Result(models.Model):
    """How often a night's model was right about one label, under one condition or (none) in all."""

    project = models.ForeignKey("collector.Project", on_delete=models.CASCADE, related_name="results")
    night = models.DateField()
    label = models.ForeignKey("collector.Label", on_delete=models.CASCADE, related_name="+")
    condition = models.ForeignKey("collector.Condition", null=True, on_delete=models.CASCADE, related_name="+")
    correct = models.PositiveIntegerField()
    photos = models.PositiveIntegerField()  # golden ones; with a condition those where a reviewer confirmed it
    low = models.FloatField()  # 95% interval of the share
    high = models.FloatField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "night", "label", "condition"], name="result_once_a_night", nulls_distinct=False
            ),
            models.CheckConstraint(condition=models.Q(correct__lte=models.F("photos")), name="result_is_a_share"),
        ]

    def __str__(self) -> str:
        return f"{self.label}, {self.night}: {self.correct} of {self.photos}"


class Suspicion(models.Model):
    """An accepted photo whose label looks wrong to a model that never saw its volunteer. A person settles it, once."""

    photo = models.OneToOneField("collector.Photo", primary_key=True, on_delete=models.CASCADE)
    night = models.DateField()  # that found it last
    likely = models.ForeignKey("collector.Label", on_delete=models.CASCADE, related_name="+")
    margin = models.FloatField()  # 0 to 1: how much more probable the likely label is than the photo's
    settled_at = models.DateTimeField(null=True, blank=True)  # looked at again since: no night asks about it any more

    def __str__(self) -> str:
        return f"{self.photo_id} is rather {self.likely}"

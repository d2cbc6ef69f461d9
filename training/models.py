"""Runs, their stages, and the stored split. Fields and constraints; rules live in domain/."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from training.enums import GateDecision, PackState, RunState, Side, StageName


class Run(models.Model):
    """One night's work on one project, in stages, resumable."""

    project = models.ForeignKey("collector.Project", on_delete=models.PROTECT, related_name="runs")
    night = models.DateField()
    state = models.CharField(max_length=10, choices=RunState, default=RunState.QUEUED)
    pretrained = models.CharField(max_length=500, blank=True)  # overrides the project's start weights for this run
    decision = models.CharField(max_length=8, choices=GateDecision, blank=True)
    why = models.TextField(blank=True)  # the gate's reason, or what failed, for people
    release = models.CharField(max_length=40, blank=True)
    inputs = models.JSONField(
        default=dict, blank=True
    )  # what the night set out with: spec, code, production, start weights
    progress = models.JSONField(default=dict, blank=True)  # {stage, step, total, eta_s, message, at}
    # Of the photos it learned from; and how many of the project's were erased when that was looked up.
    photos_erased = models.PositiveIntegerField(default=0)
    last_erased_at = models.DateTimeField(null=True, blank=True)
    erasures_seen = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-night", "-id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "night"], name="one_run_a_night")]

    def __str__(self) -> str:
        return f"{self.project.slug} {self.night}"


class Stage(models.Model):
    """One finished stage: written once, after its output is stored. A stage without a row has not happened."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="stages")
    name = models.CharField(max_length=10, choices=StageName)
    input_digest = models.CharField(max_length=64, db_index=True)  # sha256 over everything the stage depends on
    output_digest = models.CharField(max_length=64)  # sha256 over the output's file names and digests
    files = models.JSONField(default=dict)  # relative path -> sha256; blobs live under stages/
    result = models.JSONField(default=dict)
    fencing = models.BigIntegerField()  # of the lease it was written under
    reused_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    seconds = models.FloatField(default=0)
    cpu_seconds = models.FloatField(default=0)
    finished_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "name"], name="stage_once_per_run")]

    def __str__(self) -> str:
        return f"{self.name} of run {self.run_id}"


class FeaturePack(models.Model):
    """A stored file of features. The row is there before the first byte and goes after the last: none is forgotten."""

    project = models.ForeignKey("collector.Project", on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=64)  # of backbone, input contract and view (training.ml's features_key)
    sha256 = models.CharField(max_length=64)  # of the file
    photos = models.PositiveIntegerField()
    state = models.CharField(max_length=7, choices=PackState, default=PackState.WRITING)
    erasures_seen = models.PositiveIntegerField(default=0)  # the project's erased photos when this was last looked at
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "key", "sha256"],
                condition=models.Q(state=PackState.READY),
                name="features_stored_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.photos} photos of {self.project_id} under {self.key[:8]}"


class Shard(models.Model):
    """A part of a night's new photos, for whichever worker takes its job first; gone when the night has them all."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="shards")
    number = models.PositiveIntegerField()
    photos = models.JSONField()  # their sha256
    done = models.PositiveIntegerField(default=0)  # photos so far, as its worker says
    cpu_seconds = models.FloatField(default=0)
    fault = models.TextField(blank=True)  # why nobody can do it, in words
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["run", "number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "number"], name="shard_once_per_run")]

    def __str__(self) -> str:
        return f"part {self.number} of run {self.run_id}"


class SplitSide(models.Model):
    """The side one volunteer is on (or one photo of a burst, where volunteers are unknown).

    It changes from golden to train only: when the volunteer retires, or turns out to be somebody who has trained.
    """

    project = models.ForeignKey("collector.Project", on_delete=models.CASCADE, related_name="+")
    group = models.CharField(max_length=80)  # "v:" and a volunteer's pseudonym, or "p:" and a photo's
    side = models.CharField(max_length=6, choices=Side)
    created_at = models.DateTimeField(db_default=Now())
    retired_on = models.DateField(null=True, blank=True)  # the night that moved it to train

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "group"], name="one_side_per_group")]

    def __str__(self) -> str:
        return f"{self.group} {self.side}"

"""Releases, their artifacts, and the channels that point at them. The hub knows projects by slug only."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from modelhub.enums import Platform, Runtime


class Release(models.Model):
    """A set of artifacts published together under one version. Immutable."""

    project_slug = models.SlugField(max_length=60)
    version = models.CharField(max_length=40)  # "2026-11-21.1": the night, and a count within it
    iface = models.PositiveIntegerField()
    origin = models.CharField(max_length=100)  # what asked for it, e.g. "run:12"; publishing twice is one release
    labels = models.JSONField()  # [{slug, name}] in output order
    input_contract = models.JSONField()
    rejection = models.JSONField(null=True)  # from what probability on an answer is worth giving; null: nobody knows
    metrics = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project_slug", "version"], name="release_version_once"),
            models.UniqueConstraint(fields=["project_slug", "origin"], name="release_once_per_origin"),
        ]

    def __str__(self) -> str:
        return f"{self.project_slug} {self.version}"


class Artifact(models.Model):
    """A variant written as one file for one runtime, with its digest and what was measured on it."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="artifacts")
    runtime = models.CharField(max_length=10, choices=Runtime)
    precision = models.CharField(max_length=10)  # "fp32", "fp16", "int8"
    format = models.CharField(max_length=20)  # "mlpackage.zip", "tflite", "onnx"
    sha256 = models.CharField(max_length=64, db_index=True)
    size_bytes = models.PositiveBigIntegerField()
    tensor_input = models.JSONField(default=dict)  # {name, layout, dtype} of this file's input
    golden_accuracy = models.FloatField()
    flips_vs_fp32 = models.FloatField()
    verified_by = models.CharField(max_length=300)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "runtime", "precision"], name="artifact_variant_once")
        ]

    def __str__(self) -> str:
        return f"{self.runtime} {self.precision} {self.sha256[:12]}"


class Channel(models.Model):
    """What an app follows. ``seq`` only ever rises; a rollback is a higher seq that points to an older release."""

    project_slug = models.SlugField(max_length=60)
    name = models.SlugField(max_length=30, default="stable")
    iface = models.PositiveIntegerField()
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+")
    seq = models.PositiveBigIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project_slug", "name", "iface"], name="channel_once_per_iface")
        ]

    def __str__(self) -> str:
        return f"{self.project_slug} {self.name} iface {self.iface}, number {self.seq}"


class Document(models.Model):
    """The signed answer of ``/models/latest`` for one cache key, made when something changes, not when asked."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="documents")
    platform = models.CharField(max_length=10, choices=Platform)
    runtime = models.CharField(max_length=10, choices=Runtime)
    seq = models.PositiveBigIntegerField()
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    payload = models.BinaryField()
    envelope = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "platform", "runtime"], name="document_once_per_key")
        ]

    def __str__(self) -> str:
        return f"{self.platform} {self.runtime}, number {self.seq}"

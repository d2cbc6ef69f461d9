"""Releases and the channels that point at them. Publishing twice is one release; a rollback is a step forward."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from foundation.problems import Problem
from modelhub.domain import documents, files
from modelhub.domain.files import ArtifactFile
from modelhub.domain.interfaces import choose_iface
from modelhub.models import Artifact, Channel, Release

__all__ = [
    "ArtifactFile",
    "Release",
    "best_of",
    "current",
    "find_by_origin",
    "get_release",
    "latest_of",
    "point_channel",
    "publish",
]
STABLE = "stable"
PROJECT = re.compile(r"[-a-zA-Z0-9_]{1,60}")
CHANNEL = re.compile(r"[-a-zA-Z0-9_]{1,30}")
LISTED = 10  # how many versions an error lists


def publish(
    *,
    project_slug: str,
    origin: str,
    night: date,
    labels: Sequence[dict[str, str]],
    input_contract: dict[str, Any],
    metrics: dict[str, Any],
    artifacts: Sequence[ArtifactFile],
    rejection: dict[str, Any] | None = None,
    channel: str = STABLE,
) -> Release:
    """Publish a release and point ``channel`` at it. The same ``origin`` again gives the same release.

    ``rejection`` is ``{score, cost, thresholds: [{cost, threshold}]}``, or None where phones shall always answer.

    Bytes first, each read back; then one transaction with release, artifacts, channel and signed documents. Killed in
    between, it leaves at most bytes that nothing points at, which the next call finds.
    Raises Problem: ``invalid-release``, ``artifact-damaged``, ``unknown-runtime``, ``no-signing-key``; StorageFull.
    """
    if found := find_by_origin(project_slug, origin):
        return found
    _check(project_slug, channel, labels, artifacts)
    for file in artifacts:
        files.check(file)
    for file in artifacts:
        files.store(file)
    with transaction.atomic():
        _lock(project_slug)
        if found := find_by_origin(project_slug, origin):
            return found
        release = Release.objects.create(
            project_slug=project_slug,
            version=_next_version(project_slug, night),
            iface=choose_iface(project_slug, labels=labels, input_contract=input_contract),
            origin=origin,
            labels=list(labels),
            input_contract=input_contract,
            rejection=rejection,
            metrics=metrics,
        )
        Artifact.objects.bulk_create(_row(release, file) for file in artifacts)
        _point(channel, release)
    return release


def point_channel(project_slug: str, channel: str, version: str) -> Channel:
    """Let the phones of ``channel`` follow ``version``, under a higher sequence number; twice changes nothing.

    Concerns the phones whose interface number is the release's; others keep what they follow. Raises Problem
    ``unknown-version`` or ``unknown-channel``.
    """
    release = get_release(project_slug, version)
    with transaction.atomic():
        _lock(project_slug)
        rows = Channel.objects.filter(project_slug=project_slug, name=channel).order_by("iface")
        row = rows.filter(iface=release.iface).first()
        if row is None:
            allowed = ", ".join(f"{one.name} with iface {one.iface}" for one in rows) or "none yet"
            said = f"{project_slug} has no channel '{channel}' for iface {release.iface}."
            raise Problem("unknown-channel", 404, said, allowed=allowed, do="Publish a release to it first.")
        return row if row.release_id == release.pk else _point(channel, release)


def current(project_slug: str, channel: str = STABLE) -> Release | None:
    """What phones with the newest interface follow, or None before the first release."""
    rows = Channel.objects.filter(project_slug=project_slug, name=channel).select_related("release")
    newest = rows.order_by("-iface").first()
    return newest.release if newest else None


def latest_of(project_slugs: Iterable[str], channel: str = STABLE) -> dict[str, Release]:
    """What phones follow, for many projects in one query; projects without a release are left out."""
    rows = Channel.objects.filter(project_slug__in=list(project_slugs), name=channel).select_related("release")
    return {row.project_slug: row.release for row in rows.order_by("iface")}


def best_of(project_slug: str, *, metric: str = "golden_accuracy", days: int = 90) -> Release | None:
    """The release of the last ``days`` with the highest ``metric``; of equals the newest. None where none has it."""
    since = timezone.now() - timedelta(days=days)
    recent = Release.objects.filter(project_slug=project_slug, created_at__gte=since).order_by("-id")
    measured = [release for release in recent if isinstance(release.metrics.get(metric), int | float)]
    return max(measured, key=lambda release: float(release.metrics[metric]), default=None)


def find_by_origin(project_slug: str, origin: str) -> Release | None:
    """The release that ``origin`` asked for, if it was published."""
    return Release.objects.filter(project_slug=project_slug, origin=origin).first()


def get_release(project_slug: str, version: str) -> Release:
    """Return the release, or raise Problem ``unknown-version`` that lists the latest ones."""
    releases = Release.objects.filter(project_slug=project_slug)
    found = releases.filter(version=version).first()
    if found is None:
        allowed = ", ".join(releases.values_list("version", flat=True)[:LISTED]) or "none is published yet"
        said = f"{project_slug} has no release '{version}'."
        raise Problem("unknown-version", 404, said, allowed=allowed, do="Use one of these.")
    return found


def _point(name: str, release: Release) -> Channel:
    """Move the channel one step forward, to ``release``, and sign its documents. The caller holds the lock."""
    rows = Channel.objects.select_for_update(of=["self"])
    channel = rows.filter(project_slug=release.project_slug, name=name, iface=release.iface).first()
    if channel is None:
        channel = Channel(project_slug=release.project_slug, name=name, iface=release.iface, seq=0)
    channel.release = release
    channel.seq += 1
    channel.save()
    documents.write_documents(channel)
    return channel


def _lock(project_slug: str) -> None:
    """One publication at a time in a project: version, interface and sequence are counted from what is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"modelhub:{project_slug}"])


def _next_version(project_slug: str, night: date) -> str:
    """``<night>.<n>``; the n-th of this night."""
    versions = Release.objects.filter(project_slug=project_slug, version__startswith=f"{night.isoformat()}.")
    numbers = [int(version.rpartition(".")[2]) for version in versions.values_list("version", flat=True)]
    return f"{night.isoformat()}.{max(numbers, default=0) + 1}"


def _row(release: Release, file: ArtifactFile) -> Artifact:
    names = ("runtime", "precision", "format", "sha256", "size_bytes", "tensor_input")
    measured = ("golden_accuracy", "flips_vs_fp32", "verified_by")
    return Artifact(release=release, **{name: getattr(file, name) for name in names + measured})


def _check(
    project_slug: str, channel: str, labels: Sequence[dict[str, str]], artifacts: Sequence[ArtifactFile]
) -> None:
    """Raise Problem ``invalid-release`` for what could not be delivered."""
    variants = [(file.runtime, file.precision) for file in artifacts]
    slugs = [label["slug"] for label in labels]
    if not PROJECT.fullmatch(project_slug) or not CHANNEL.fullmatch(channel):
        said = f"Project '{project_slug}' or channel '{channel}' is no slug."
        _refuse(said, "letters, digits, - and _, at most 60 and 30")
    if not slugs or len(set(slugs)) != len(slugs):
        _refuse(f"The labels are {slugs}.", "at least one, each slug once")
    if not variants or len(set(variants)) != len(variants):
        _refuse(f"The artifacts are {variants}.", "at least one, each runtime and precision once")


def _refuse(said: str, allowed: str) -> None:
    raise Problem("invalid-release", 400, said, allowed=allowed, do="Correct the call to publish.")

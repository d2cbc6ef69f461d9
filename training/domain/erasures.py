"""What was learned from photos that their owners erased since: releases say so, and the feature store hears of it."""

import logging
from datetime import datetime
from typing import NamedTuple

from collector.domain import photos
from collector.models import Project
from foundation import blobs
from training.domain import features, negatives
from training.domain.manifests import MANIFEST, read_lines
from training.domain.queries import FINISHED
from training.domain.splits import pseudonym
from training.enums import Side, StageName
from training.models import Run, Stage

logger = logging.getLogger(__name__)
ROWS_AT_ONCE = 2000


class Found(NamedTuple):
    """How many of a run's training photos are erased, and when the last of them was."""

    photos: int
    latest: datetime | None


def mark_all() -> int:
    """Mark the runs of every project, and return how many were looked at. Any number of times, by anybody."""
    return sum(mark_runs(project) for project in Project.objects.order_by("slug"))


def mark_runs(project: Project) -> int:
    """Write on every finished run how many of its training photos were erased since; have features of them deleted.

    Only runs that have not seen the erasures of today are read again. The number of tombstones tells, since it only
    ever rises, and unlike a moment it cannot be passed by a transaction that commits late.
    """
    seen = photos.erased_photos(project).count()
    due = list(Run.objects.filter(project=project, state__in=FINISHED).exclude(erasures_seen=seen).order_by("pk"))
    erased = _read_erased(project) if due else {}
    by_manifest: dict[str, Found] = {}  # nights without news share one
    for run in due:
        found = _look(run, erased, by_manifest)
        Run.objects.filter(pk=run.pk).update(
            photos_erased=found.photos, last_erased_at=found.latest, erasures_seen=seen
        )
    features.tidy_soon(project)
    return len(due)


def _read_erased(project: Project) -> dict[str, datetime | None]:
    """The erased photos as manifests name them; few beside those that stay."""
    rows = photos.erased_photos(project).values_list("pk", "deleted_at").iterator(chunk_size=ROWS_AT_ONCE)
    return {pseudonym(project.split_secret, "photo", photo_id): at for photo_id, at in rows}


def _look(run: Run, erased: dict[str, datetime | None], by_manifest: dict[str, Found]) -> Found:
    snapshot = Stage.objects.filter(run=run, name=StageName.SNAPSHOT).first()
    if snapshot is None or not snapshot.files:  # it failed before there was one
        return Found(0, None)
    if snapshot.output_digest not in by_manifest:
        by_manifest[snapshot.output_digest] = _count(snapshot, erased)
    return by_manifest[snapshot.output_digest]


def _count(snapshot: Stage, erased: dict[str, datetime | None]) -> Found:
    count, latest = 0, None
    try:
        for name in {MANIFEST, negatives.FILE} & snapshot.files.keys():
            for line in read_lines(snapshot, name):
                if line["side"] == Side.TRAIN and line["photo"] in erased:
                    count += 1
                    at = erased[line["photo"]]
                    latest = max(filter(None, (latest, at)), default=None)
    except blobs.BlobMissing:
        logger.warning("erasures.manifest_missing run=%s", snapshot.run_id)
    return Found(count, latest)

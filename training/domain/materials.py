"""The bytes of a snapshot's photos: exactly those that were frozen, or none."""

import json
import uuid
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from collector.domain import photos as collected
from foundation import blobs
from training.domain.accepted import accepted_rows
from training.domain.seen import pseudonym
from training.domain.shifts import NightFailedError, Shift, Told
from training.domain.spools import SPOOL, Spool, spooling
from training.enums import StageName
from training.ml import contract


class SnapshotStaleError(Exception):
    """A photo of the frozen list is gone since (erased, or its review undone): the list must be frozen anew."""


def read_manifest(shift: Shift) -> list[contract.ManifestPhoto]:
    """The frozen list, in memory."""
    return contract.read_manifest(shift.work / "snapshot" / "manifest.jsonl")


def materialise(shift: Shift, pictures: Collection[str]) -> None:
    """Puts the bytes of those photos (sha256) at ``photos/<sha256>.jpg``, as hard links where possible.

    Raises ``SnapshotStaleError`` where any photo of the manifest is not accepted any more, or its pixels are not those
    that were frozen.
    """
    project, folder = shift.run.project, shift.work / "photos"
    folder.mkdir(exist_ok=True)
    total = missing = 0
    with spooling(shift.work / SPOOL) as spool:
        for row in accepted_rows(shift, project):
            spool.add(pseudonym(project.split_secret, "photo", row[0]), row[1], str(row[0]), row[-1])
        with (shift.work / "snapshot" / "manifest.jsonl").open(encoding="utf-8") as manifest:
            wanted = sum(1 for _ in manifest)
            manifest.seek(0)
            for line, photo_id in _find(map(json.loads, manifest), spool):
                total += 1
                if photo_id is None:
                    missing += 1
                    continue
                path = folder / f"{line['sha256']}.jpg"
                if line["sha256"] in pictures and not path.exists():
                    _fetch(photo_id, path)
                if total % 50 == 0 or total == wanted:
                    shift.tell(Told(StageName.SNAPSHOT, total, wanted, None, "fetching photos"))
                shift.beat()
    if missing:
        raise SnapshotStaleError(f"{missing} of {total} photos of the snapshot are no longer accepted.")


def _find(lines: Iterable[dict[str, Any]], spool: Spool) -> Iterator[tuple[dict[str, Any], uuid.UUID | None]]:
    """Each line with the id of its photo, or None where that has gone or changed. Both are in the order of names."""
    rows = iter(spool)
    row = next(rows, None)
    for line in lines:
        while row is not None and row[0] < line["photo"]:
            row = next(rows, None)
        is_there = row is not None and row[:2] == [line["photo"], line["sha256"]] and row[-1]
        yield line, uuid.UUID(row[2]) if row is not None and is_there else None


def _fetch(photo_id: uuid.UUID, path: Path) -> None:
    try:
        blobs.fetch(collected.normalised_key(photo_id), path)
    except blobs.BlobMissing:
        raise NightFailedError(
            f"The picture of photo {photo_id} is missing from the storage, though it is accepted. "
            "Restore the storage, or reject the photo in review; then start the night again."
        ) from None

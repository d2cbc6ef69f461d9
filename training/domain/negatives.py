"""Rejected photos that go with a snapshot: from them a model learns when to answer "none of these", no more."""

import contextlib
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from collector.domain import negatives as rejected
from collector.domain import photos as collected
from collector.models import Project
from foundation import blobs
from training.domain.seen import pseudonym
from training.domain.shifts import Shift
from training.domain.units import GOLDEN_SHARE
from training.enums import Side
from training.ml import contract
from training.models import SplitSide

FILE = "negatives.jsonl"
MOST = 2000  # a night: a threshold gets no better from more, and each goes through the network
ROWS_AT_ONCE = 2000


def freeze(shift: Shift) -> dict[str, Any]:
    """Writes ``snapshot/negatives.jsonl``; call it once the sides of volunteers are stored. Returns the counts.

    A volunteer's rejected photos are on the side of their accepted ones. Who has none accepted is sorted by the same
    keyed hash, which nobody writes down; photos by nobody known teach. Of more than ``MOST`` photos some are drawn by
    hash, the same ones every night.
    """
    project = shift.run.project
    rows = SplitSide.objects.filter(project=project, group__startswith="v:").values_list("group", "side")
    stored = dict(rows.iterator(chunk_size=ROWS_AT_ONCE))
    lines = sorted((line for _, line in _stream(shift, project, stored)), key=lambda line: line.photo)
    first = {line.sha256: line for line in reversed(lines)}  # of equal pixels one is enough, and on one side only
    kept = [line for line in lines if first[line.sha256] is line][:MOST]
    digest = contract.write_manifest(shift.work / "snapshot" / FILE, kept)
    sides = Counter(line.side for line in kept)
    return {"train": sides[Side.TRAIN], "golden": sides[Side.GOLDEN], "digest": digest}


def materialise(shift: Shift) -> None:
    """Puts the photos' bytes at ``photos/<sha256>.jpg``, and takes away what may not be used any more since.

    A photo that was erased or appealed meanwhile is left out; the night need not begin anew for it.
    """
    path = shift.work / "snapshot" / FILE
    wanted = {line.photo: line.sha256 for line in contract.read_manifest(path)} if path.is_file() else {}
    if not wanted:
        return
    needed = {line.sha256 for line in contract.read_manifest(path.with_name("manifest.jsonl"))}
    there = set()
    for photo_id, line in _stream(shift, shift.run.project, {}):
        if wanted.get(line.photo) != line.sha256:
            continue
        there.add(line.sha256)
        target = shift.work / "photos" / f"{line.sha256}.jpg"
        if not target.exists():
            with contextlib.suppress(blobs.BlobMissing):  # it teaches nothing then
                blobs.fetch(collected.normalised_key(photo_id), target)
    for sha256 in set(wanted.values()) - there - needed:
        (shift.work / "photos" / f"{sha256}.jpg").unlink(missing_ok=True)


def _stream(
    shift: Shift, project: Project, stored: Mapping[str, str]
) -> Iterator[tuple[uuid.UUID, contract.ManifestPhoto]]:
    """Ids that lead to the bytes, and lines; ``label`` is the reason for which the photo was rejected."""
    for photo_id, sha256, reason, volunteer, is_known in rejected.negative_photos(project):
        shift.beat()
        name, who = (pseudonym(project.split_secret, *one) for one in (("photo", photo_id), ("volunteer", volunteer)))
        side = _side_of(f"v:{who}", project.split_secret, stored) if is_known else Side.TRAIN
        yield photo_id, contract.ManifestPhoto(name, sha256, reason, who, side)


def _side_of(group: str, secret: str, stored: Mapping[str, str]) -> str:
    drawn = int(pseudonym(secret, "side", group), 16) < GOLDEN_SHARE * 16**32
    return stored.get(group) or (Side.GOLDEN if drawn else Side.TRAIN)

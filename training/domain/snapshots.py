"""The frozen list of photos a night learns from and is judged on: manifest, counts, and the photos' bytes.

Photos pass through one at a time and wait on disk: the memory is that of a project's people, not of its photos.
"""

import contextlib
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from collector.domain import photos as collected
from collector.enums import LabelState
from collector.models import Label, Project
from foundation import blobs, jobs
from training.domain import merges, shares
from training.domain.seen import Seen, pseudonym
from training.domain.shifts import NightFailedError, Shift, Told
from training.domain.splits import Split, split_photos
from training.domain.spools import Spool, spooling
from training.enums import Side, StageName
from training.ml import contract
from training.models import SplitSide

MIN_TRAIN_PER_LABEL = 10  # below it a label is guesswork: the night says so and teaches the others
MIN_LABELS = 2
OPTIMISTIC = "optimistic: same photographer on both sides"
ROWS_AT_ONCE = 2000
TRIES = 3  # two nights of one project that freeze at once may both want to write a volunteer's side
SPOOL = "spool"  # folder of the shift, for as long as photos are sorted


class SnapshotStaleError(Exception):
    """A photo of the frozen list is gone since (erased, or its review undone): the list must be frozen anew."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A snapshot as written, and what people should know about it."""

    snapshot: contract.Snapshot
    left_out: dict[str, int]
    notices: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The snapshot stage's result."""
        counts = self.snapshot.to_json()
        labels = list(counts.pop("labels"))
        return {**counts, "labels": labels, "left_out": self.left_out, "notices": list(self.notices)}


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Photos in the order of their names, as often as one likes; the lease is kept meanwhile."""

    spool: Spool
    beat: Callable[[], None]

    def __iter__(self) -> Iterator[Seen]:
        for row in self.spool:
            self.beat()
            yield Seen(*row)


def freeze(shift: Shift, known: Sequence[str] = ()) -> Frozen:
    """Writes ``snapshot/manifest.jsonl`` and ``snapshot/snapshot.json``: the same photos give the same bytes.

    Stores which side each new volunteer is on, for ever. ``known`` are the labels of the release in use: they may
    not be dropped for want of photos.
    Raises ``NightFailedError`` where there is nothing to learn or to judge, ``jobs.LeaseLost``.
    """
    project = shift.run.project
    if not project.split_secret:
        raise NightFailedError(f"The project {project.slug} has no split_secret. Set one; it must never change.")
    for _ in range(TRIES):
        with contextlib.suppress(IntegrityError):
            return _freeze_once(shift, known)
    raise NightFailedError(
        f"Several nights of {project.slug} sort the same new volunteers at once. Start this one again."
    )


def _freeze_once(shift: Shift, known: Sequence[str]) -> Frozen:
    project = shift.run.project
    labels = list(project.labels.filter(state=LabelState.LIVE))
    with spooling(shift.work / SPOOL) as spool:
        for row in _rows(shift, project):
            spool.add(pseudonym(project.split_secret, "photo", row[0]), *row[1:])
        found = _Sorted(spool, shift.beat)
        stored = _stored(project)
        merged = merges.sides_of_merged(project, stored)
        with shift.holding():
            split = split_photos(
                found, stored | merged, secret=project.split_secret, min_golden=project.min_golden_per_label
            )
        split.stored |= {name: Side(side) for name, side in merged.items()}
        frozen = _write(shift.work, labels, found, split, known)
    _store(shift, project, split, stored)  # last: a night that cannot begin must not have sorted anybody
    return frozen


def materialise(shift: Shift) -> None:
    """Puts the bytes of every photo of the manifest at ``photos/<sha256>.jpg``, as hard links where possible.

    Raises ``SnapshotStaleError`` where a photo is not accepted any more, or its pixels are not those that were frozen.
    """
    project, folder = shift.run.project, shift.work / "photos"
    folder.mkdir(exist_ok=True)
    total = missing = 0
    with spooling(shift.work / SPOOL) as spool:
        for row in _rows(shift, project):
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
                if not path.exists():
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


def _rows(shift: Shift, project: Project) -> Iterator[tuple[Any, ...]]:
    """Accepted photos of live labels: an id, and then the fields of ``Seen`` after its name."""
    accepted = collected.accepted_photos(project).filter(label__state=LabelState.LIVE).order_by()
    names = ("normalised_sha256", "label__slug", "volunteer_id", "volunteer__is_known", "look_hash", "captured_at")
    rows = accepted.annotate(is_judged=collected.are_pixels_judged()).values_list(
        "pk", *names, "pinned_split", "is_judged"
    )
    for photo_id, sha256, label, volunteer, is_known, look_hash, captured_at, pinned, is_judged in rows.iterator(
        chunk_size=ROWS_AT_ONCE
    ):
        shift.beat()
        at = captured_at.timestamp() if captured_at else None
        name = pseudonym(project.split_secret, "volunteer", volunteer)
        yield photo_id, sha256, label, name, is_known, look_hash, at, pinned, is_judged


def _stored(project: Project) -> dict[str, str]:
    return dict(
        SplitSide.objects.filter(project=project).values_list("group", "side").iterator(chunk_size=ROWS_AT_ONCE)
    )


def _store(shift: Shift, project: Project, split: Split, stored: dict[str, str]) -> None:
    """All new sides or none, and only while the night is ours. A side changes where two identities turned out one."""
    rows = [SplitSide(project=project, group=group, side=side) for group, side in sorted(split.stored.items())]
    with transaction.atomic():
        jobs.require(shift.lease)
        SplitSide.objects.bulk_create((row for row in rows if row.group not in stored), batch_size=ROWS_AT_ONCE)
        for row in rows:
            if row.group in stored:
                SplitSide.objects.filter(project=project, group=row.group).update(side=row.side)


def _write(work: Path, labels: list[Label], photos: Iterable[Seen], split: Split, known: Sequence[str]) -> Frozen:
    taught, notices = _taught(labels, split, known)
    folder = work / "snapshot"
    folder.mkdir(parents=True, exist_ok=True)
    slugs = {label.slug for label in taught}
    weights = _weights(split, slugs)
    kept = _Kept(split, slugs, weights)
    digest = contract.stream_manifest(folder / "manifest.jsonl", filter(None, map(kept.line_of, photos)))
    snapshot = _count(taught, split, volunteers=len(kept.volunteers), digest=digest)
    contract.write_json(folder / "snapshot.json", snapshot.to_json())
    left_out = dict(sorted(kept.left_out.items()))
    notices += [f"{count} photo(s) left out: {reason}." for reason, count in left_out.items()]
    notices += _say_capped(weights, snapshot)
    return Frozen(snapshot, left_out, tuple(notices))


class _Kept:
    """Makes the manifest's lines, and counts who took them and what is left out."""

    def __init__(self, split: Split, slugs: set[str], weights: dict[str, float]) -> None:
        self.split, self.slugs, self.weights = split, slugs, weights
        self.volunteers: set[str] = set()
        self.left_out: Counter[str] = Counter()

    def line_of(self, seen: Seen) -> contract.ManifestPhoto | None:
        """``volunteer`` is the group that stays together: for a burst of an unknown photographer, the burst."""
        place = self.split.place(seen)
        if place.side is None:
            self.left_out[place.reason] += 1
            return None
        if seen.label not in self.slugs:
            return None
        if seen.is_known:
            self.volunteers.add(seen.volunteer)
        group = place.group.partition(":")[2]
        weight = self.weights.get(group, 1.0) if place.side == Side.TRAIN else 1.0
        return contract.ManifestPhoto(seen.photo, seen.sha256, seen.label, group, place.side, weight)


def _weights(split: Split, slugs: set[str]) -> dict[str, float]:
    """What a photo of each account counts that would otherwise have too large a share of those that teach."""
    if len(split.people) < shares.LEAST_VOLUNTEERS:
        return {}
    teaching = {
        name: sum(count for slug, count in unit.labels.items() if slug in slugs)
        for name, unit in split.people.items()
        if unit.side == Side.TRAIN
    }
    total = sum(split.counts[slug, Side.TRAIN] for slug in slugs)
    return shares.weigh_accounts(teaching, others=total - sum(teaching.values()))


def _say_capped(weights: dict[str, float], snapshot: contract.Snapshot) -> list[str]:
    if not weights:
        return []
    said = (
        f"{len(weights)} volunteer(s) took a large part of the {snapshot.train} photos to learn from: theirs count "
        f"less each (down to {min(weights.values()):.2f}), so that no account decides what the model learns."
    )
    return [said]


def _taught(labels: list[Label], split: Split, known: Sequence[str]) -> tuple[list[Label], list[str]]:
    """The labels with enough photos on both sides, and a sentence for each of the others."""
    taught, notices = [], []
    for label in labels:
        train, golden = split.counts[label.slug, Side.TRAIN], split.counts[label.slug, Side.GOLDEN]
        if train >= MIN_TRAIN_PER_LABEL and golden:
            taught.append(label)
            continue
        said = (
            f"The label {label.slug} has {train} photos to learn from and {golden} golden ones to be judged on; "
            f"needed are {MIN_TRAIN_PER_LABEL} and 1"
        )
        if label.slug in known:
            raise NightFailedError(
                f"{said}. Phones know this label, so it cannot be left out. Accept more photos of it, or retire it."
            )
        notices.append(f"{said}, so it is not taught tonight.")
    if len(taught) < MIN_LABELS:
        raise NightFailedError(_too_little(labels, split, notices))
    return taught, notices


def _too_little(labels: list[Label], split: Split, notices: list[str]) -> str:
    """Why there is no night: too few photos, or too few labels. Always with the figures and the way out."""
    counts = {label.slug: sum(split.counts[label.slug, side] for side in Side) for label in labels}
    found = ", ".join(f"{label.slug} {counts[label.slug]}" for label in labels) or "no live label"
    if not any(counts.values()):
        why = f"There are no accepted photos of live labels ({found})."
    elif len(labels) < MIN_LABELS:
        why = f"There is a single live label ({found}): a model of one answer has nothing to tell apart."
    else:
        why = f"Too few labels have enough photos (accepted: {found}). {' '.join(notices)}"
    return (
        f"{why} Needed are at least {MIN_LABELS} live labels with {MIN_TRAIN_PER_LABEL} photos to learn from and one "
        "by another volunteer to be judged on. Accept more photos in review, then start the night again."
    )


def _count(taught: list[Label], split: Split, *, volunteers: int, digest: str) -> contract.Snapshot:
    rows = tuple(
        contract.SnapshotLabel(label.slug, label.name, photos=train + golden, train=train, golden=golden)
        for label in taught
        for train, golden in [(split.counts[label.slug, Side.TRAIN], split.counts[label.slug, Side.GOLDEN])]
    )
    train, golden = sum(row.train for row in rows), sum(row.golden for row in rows)
    return contract.Snapshot(
        labels=rows,
        photos=train + golden,
        volunteers=volunteers,
        train=train,
        golden=golden,
        digest=digest,
        optimistic=split.optimistic,
        note=OPTIMISTIC if split.optimistic else "",
    )

"""The frozen list of photos a night learns from and is judged on: manifest, counts, and the photos' bytes."""

import contextlib
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from collector.domain import photos as collected
from collector.enums import LabelState
from collector.models import Label, Project
from foundation import blobs, jobs
from training.domain import merges, retirements
from training.domain.shifts import NightFailedError, Shift, Told
from training.domain.splits import Seen, Split, pseudonym, split_photos
from training.enums import Side, StageName
from training.ml import contract
from training.models import SplitSide

MIN_TRAIN_PER_LABEL = 10  # below it a label is guesswork: the night says so and teaches the others
MIN_LABELS = 2
OPTIMISTIC = "optimistic: same photographer on both sides"
ROWS_AT_ONCE = 2000
TRIES = 3  # two nights of one project that freeze at once may both want to write a volunteer's side


class SnapshotStaleError(Exception):
    """A photo of the frozen list is gone since (erased, or its review undone): the list must be frozen anew."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A snapshot as written, and what people should know about it."""

    snapshot: contract.Snapshot
    left_out: dict[str, int]
    notices: tuple[str, ...]
    retired: retirements.Retirement

    def to_json(self) -> dict[str, Any]:
        """The snapshot stage's result."""
        counts = self.snapshot.to_json()
        labels = list(counts.pop("labels"))
        said = {"left_out": self.left_out, "notices": list(self.notices), "retired": self.retired.to_json()}
        return {**counts, "labels": labels, **said}


def freeze(shift: Shift, known: Sequence[str] = ()) -> Frozen:
    """Writes ``snapshot/manifest.jsonl`` and ``snapshot/snapshot.json``: the same photos give the same bytes.

    Stores which side each new volunteer is on, and who of the golden ones retires. ``known`` are the labels of the
    release in use: they may not be dropped for want of photos.
    Raises ``NightFailedError`` where there is nothing to learn or to judge, ``jobs.LeaseLost``.
    """
    project = shift.run.project
    if not project.split_secret:
        raise NightFailedError(f"The project {project.slug} has no split_secret. Set one; it must never change.")
    for _ in range(TRIES):
        with contextlib.suppress(IntegrityError, retirements.RetiredMeanwhileError):
            return _freeze_once(shift, known)
    raise NightFailedError(
        f"Several nights of {project.slug} sort the same new volunteers at once. Start this one again."
    )


def _freeze_once(shift: Shift, known: Sequence[str]) -> Frozen:
    project = shift.run.project
    labels = list(project.labels.filter(state=LabelState.LIVE))
    seen = [one for _, one in _stream(shift, project)]
    stored = _stored(project)
    merged = merges.sides_of_merged(project, stored)
    stored |= merged
    divide = partial(split_photos, seen, secret=project.split_secret, min_golden=project.min_golden_per_label)
    with shift.holding():
        split, retired = retirements.divide_and_retire(project, shift.run.night, seen, stored, divide)
    split.stored |= {name: Side(side) for name, side in merged.items()}
    frozen = _write(shift.work, labels, seen, split, known, retired=retired)
    _store(shift, project, split, retired)  # last: a night that cannot begin must not have sorted anybody
    return frozen


def read_manifest(shift: Shift) -> list[contract.ManifestPhoto]:
    """The frozen list."""
    return contract.read_manifest(shift.work / "snapshot" / "manifest.jsonl")


def materialise(shift: Shift, pictures: Collection[str]) -> None:
    """Puts the bytes of those photos (sha256) at ``photos/<sha256>.jpg``, as hard links where possible.

    Raises ``SnapshotStaleError`` where any photo of the manifest is not accepted any more, or its pixels are not those
    that were frozen.
    """
    wanted = {line.photo: line.sha256 for line in read_manifest(shift)}
    folder = shift.work / "photos"
    folder.mkdir(exist_ok=True)
    total = len(wanted)
    for photo_id, seen in _stream(shift, shift.run.project):
        sha256 = wanted.get(seen.photo)
        if sha256 is None or sha256 != seen.sha256:
            continue
        del wanted[seen.photo]
        if sha256 in pictures and not (path := folder / f"{sha256}.jpg").exists():
            _fetch(photo_id, path)
        if len(wanted) % 50 == 0:
            shift.tell(Told(StageName.SNAPSHOT, total - len(wanted), total, None, "fetching photos"))
    if wanted:
        raise SnapshotStaleError(f"{len(wanted)} of {total} photos of the snapshot are no longer accepted.")


def _fetch(photo_id: uuid.UUID, path: Path) -> None:
    try:
        blobs.fetch(collected.normalised_key(photo_id), path)
    except blobs.BlobMissing:
        raise NightFailedError(
            f"The picture of photo {photo_id} is missing from the storage, though it is accepted. "
            "Restore the storage, or reject the photo in review; then start the night again."
        ) from None


def _stream(shift: Shift, project: Project) -> Iterator[tuple[uuid.UUID, Seen]]:
    """Accepted photos of live labels, as the split sees them, with the ids that lead to their bytes."""
    accepted = collected.accepted_photos(project).filter(label__state=LabelState.LIVE)
    names = (
        "id",
        "normalised_sha256",
        "label__slug",
        "volunteer_id",
        "volunteer__is_known",
        "look_hash",
        "captured_at",
    )
    name_volunteer = cache(partial(pseudonym, project.split_secret, "volunteer"))  # few beside their photos
    rows = accepted.values_list(*names, "pinned_split").iterator(chunk_size=ROWS_AT_ONCE)
    for photo_id, sha256, label, volunteer, is_known, look_hash, captured_at, pinned in rows:
        shift.beat()
        yield (
            photo_id,
            Seen(
                photo=pseudonym(project.split_secret, "photo", photo_id),
                sha256=sha256,
                label=label,
                volunteer=name_volunteer(volunteer),
                is_known=is_known,
                look_hash=look_hash,
                captured_at=captured_at.timestamp() if captured_at else None,
                pinned=pinned,
            ),
        )


def _stored(project: Project) -> dict[str, str]:
    return dict(
        SplitSide.objects.filter(project=project).values_list("group", "side").iterator(chunk_size=ROWS_AT_ONCE)
    )


def _store(shift: Shift, project: Project, split: Split, retired: retirements.Retirement) -> None:
    """All new sides and retirements or none, and only while the night is ours."""
    rows = [SplitSide(project=project, group=group, side=side) for group, side in sorted(split.stored.items())]
    with transaction.atomic():
        jobs.require(shift.lease)
        SplitSide.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE)
        retirements.retire(project, retired, shift.run.night)


def _write(
    work: Path,
    labels: list[Label],
    photos: list[Seen],
    split: Split,
    known: Sequence[str],
    *,
    retired: retirements.Retirement,
) -> Frozen:
    placed = [seen for seen in photos if seen.photo in split.sides]
    taught, notices = _taught(labels, placed, split, known)
    slugs = {label.slug for label in taught}
    kept = [seen for seen in placed if seen.label in slugs]
    folder = work / "snapshot"
    folder.mkdir(parents=True, exist_ok=True)
    digest = contract.write_manifest(folder / "manifest.jsonl", (_line(seen, split) for seen in kept))
    snapshot = _count(taught, kept, split, digest)
    contract.write_json(folder / "snapshot.json", snapshot.to_json())
    left_out = dict(sorted(Counter(split.left_out.values()).items()))
    notices += [f"{count} photo(s) left out: {reason}." for reason, count in left_out.items()]
    return Frozen(snapshot, left_out, (*notices, *retired.notices()), retired)


def _line(seen: Seen, split: Split) -> contract.ManifestPhoto:
    """``volunteer`` is the group that stays together: for a burst of an unknown photographer, the burst."""
    group = split.groups[seen.photo].partition(":")[2]
    return contract.ManifestPhoto(seen.photo, seen.sha256, seen.label, group, split.sides[seen.photo])


def _taught(
    labels: list[Label], placed: list[Seen], split: Split, known: Sequence[str]
) -> tuple[list[Label], list[str]]:
    """The labels with enough photos on both sides, and a sentence for each of the others."""
    counts = Counter((seen.label, split.sides[seen.photo]) for seen in placed)
    taught, notices = [], []
    for label in labels:
        train, golden = counts[label.slug, Side.TRAIN], counts[label.slug, Side.GOLDEN]
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
        raise NightFailedError(_too_little(labels, placed, notices))
    return taught, notices


def _too_little(labels: list[Label], placed: list[Seen], notices: list[str]) -> str:
    """Why there is no night: too few photos, or too few labels. Always with the figures and the way out."""
    counts = Counter(seen.label for seen in placed)
    found = ", ".join(f"{label.slug} {counts[label.slug]}" for label in labels) or "no live label"
    if not placed:
        why = f"There are no accepted photos of live labels ({found})."
    elif len(labels) < MIN_LABELS:
        why = f"There is a single live label ({found}): a model of one answer has nothing to tell apart."
    else:
        why = f"Too few labels have enough photos (accepted: {found}). {' '.join(notices)}"
    return (
        f"{why} Needed are at least {MIN_LABELS} live labels with {MIN_TRAIN_PER_LABEL} photos to learn from and one "
        "by another volunteer to be judged on. Accept more photos in review, then start the night again."
    )


def _count(taught: list[Label], kept: list[Seen], split: Split, digest: str) -> contract.Snapshot:
    counts = Counter((seen.label, split.sides[seen.photo]) for seen in kept)
    rows = tuple(
        contract.SnapshotLabel(
            slug=label.slug,
            name=label.name,
            photos=counts[label.slug, Side.TRAIN] + counts[label.slug, Side.GOLDEN],
            train=counts[label.slug, Side.TRAIN],
            golden=counts[label.slug, Side.GOLDEN],
        )
        for label in taught
    )
    return contract.Snapshot(
        labels=rows,
        photos=len(kept),
        volunteers=len({seen.volunteer for seen in kept if seen.is_known}),
        train=sum(row.train for row in rows),
        golden=sum(row.golden for row in rows),
        digest=digest,
        optimistic=split.optimistic,
        note=OPTIMISTIC if split.optimistic else "",
    )

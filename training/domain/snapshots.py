"""The frozen list of photos a night learns from and is judged on: manifest, counts, and the photos' bytes.

Photos pass through one at a time and wait on disk: the memory is that of a project's people, not of its photos.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from collector.enums import LabelState
from collector.models import Label, Project
from foundation import jobs
from training.domain import merges, retirements, shares
from training.domain.accepted import ROWS_AT_ONCE, accepted_rows
from training.domain.enough import choose_labels
from training.domain.seen import Seen, pseudonym
from training.domain.shifts import NightFailedError, Shift
from training.domain.splits import Split, split_photos
from training.domain.spools import SPOOL, Spool, spooling
from training.enums import Side
from training.ml import contract
from training.models import SplitSide

OPTIMISTIC = "optimistic: same photographer on both sides"
TRIES = 3  # two nights of one project that freeze at once may both want to write a volunteer's side


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
    with spooling(shift.work / SPOOL) as spool:
        for row in accepted_rows(shift, project):
            spool.add(pseudonym(project.split_secret, "photo", row[0]), *row[1:])
        found = _Sorted(spool, shift.beat)
        stored = _stored(project)
        merged = merges.sides_of_merged(project, stored)
        divide = partial(split_photos, found, secret=project.split_secret, min_golden=project.min_golden_per_label)
        with shift.holding():
            split, retired = retirements.divide_and_retire(project, shift.run.night, found, stored | merged, divide)
        split.stored |= {name: Side(side) for name, side in merged.items()}
        frozen = _write(shift.work, labels, found, split, known, retired=retired)
    _store(shift, project, split, stored, retired)  # last: a night that cannot begin must not have sorted anybody
    return frozen


def _stored(project: Project) -> dict[str, str]:
    return dict(
        SplitSide.objects.filter(project=project).values_list("group", "side").iterator(chunk_size=ROWS_AT_ONCE)
    )


def _store(
    shift: Shift, project: Project, split: Split, stored: dict[str, str], retired: retirements.Retirement
) -> None:
    """All new sides and retirements or none, and only while the night is ours.

    A stored side changes where two identities turned out one.
    """
    rows = [SplitSide(project=project, group=group, side=side) for group, side in sorted(split.stored.items())]
    with transaction.atomic():
        jobs.require(shift.lease)
        SplitSide.objects.bulk_create((row for row in rows if row.group not in stored), batch_size=ROWS_AT_ONCE)
        for row in rows:
            if row.group in stored:
                SplitSide.objects.filter(project=project, group=row.group).update(side=row.side)
        retirements.retire(project, retired, shift.run.night)


def _write(
    work: Path,
    labels: list[Label],
    photos: Iterable[Seen],
    split: Split,
    known: Sequence[str],
    *,
    retired: retirements.Retirement,
) -> Frozen:
    taught, notices = choose_labels(labels, split, known)
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
    return Frozen(snapshot, left_out, (*notices, *retired.notices()), retired)


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

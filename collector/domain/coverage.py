"""How many accepted photos there are of each label, and of each label under each condition.

A photo counts for a condition where its challenge asks for it and a reviewer confirmed that it holds. 30 photos carry
a prototype, 200 a robust model. The database groups by label and challenge, from an index alone; which challenge asked
for what is folded in here, since a challenge may ask for several conditions.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping

from django.db.models import Count, QuerySet

from collector.enums import LabelState, PhotoState
from collector.models import Challenge, Condition, Label, Photo, Project

PROTOTYPE = 30
ROBUST = 200
UNKNOWN_NEED = 0.5  # of a photo whose label nobody has named yet

Pair = tuple[int | None, int | None]  # label, challenge


@dataclasses.dataclass(frozen=True)
class Cell:
    """One label, under one condition or (None) under any."""

    label: Label
    condition: Condition | None
    count: int

    @property
    def level(self) -> str:
        """How far it has come: ``none``, ``few``, ``prototype`` or ``robust``."""
        if self.count >= ROBUST:
            return "robust"
        if self.count >= PROTOTYPE:
            return "prototype"
        return "few" if self.count else "none"

    @property
    def missing(self) -> int:
        """How many photos are missing to the next mark; 0 where both are reached."""
        return next((mark - self.count for mark in (PROTOTYPE, ROBUST) if self.count < mark), 0)


@dataclasses.dataclass(frozen=True)
class Row:
    """One label: in all, and condition by condition."""

    total: Cell
    cells: list[Cell]


@dataclasses.dataclass(frozen=True)
class Coverage:
    """A project's labels and conditions, in their order, and what there is of each."""

    conditions: list[Condition]
    rows: list[Row]

    def weakest(self, limit: int) -> list[Cell]:
        """The cells with the fewest photos that are not robust yet.

        Of equal ones labels as a whole come first, then those of the weaker label. A label without any photo is said
        once, not again under every condition.
        """
        weak = [
            (cell, row.total.count)
            for row in self.rows
            for cell in (row.total, *(row.cells if row.total.count else ()))
            if cell.count < ROBUST
        ]
        weak.sort(key=lambda pair: (pair[0].count, pair[0].condition is not None, pair[1]))
        return [cell for cell, _ in weak[:limit]]


def measure_coverage(project: Project) -> Coverage:
    """Count the project's accepted photos, in four queries."""
    conditions = list(project.conditions.filter(is_retired=False))
    labels = project.labels.exclude(state=LabelState.RETIRED)
    totals, confirmed = _count(project, asked_conditions(project))
    return Coverage(
        conditions,
        [
            Row(
                Cell(label, None, totals[label.pk]),
                [Cell(label, condition, confirmed[label.pk, condition.pk]) for condition in conditions],
            )
            for label in labels
        ],
    )


def needs(project: Project, pairs: Iterable[Pair]) -> dict[Pair, float]:
    """The need of photos that claim a label for a challenge: as ``need_of`` says, for all pairs in two queries."""
    asked = asked_conditions(project)
    totals, confirmed = _count(project, asked)
    found: dict[Pair, float] = {}
    for label, challenge in pairs:
        conditions = asked.get(challenge, ()) if challenge is not None else ()
        counts = [confirmed[label, condition] for condition in conditions] or [totals[label]]
        found[label, challenge] = UNKNOWN_NEED if label is None else _need(min(counts))
    return found


def need_of(project_id: int, label_id: int | None, challenge_id: int | None) -> float:
    """1 where nothing was accepted of this label, 0 from 200 photos on; 0.5 without a label.

    Where the challenge asks for conditions, the rarest of them counts. Looks at 200 photos at most for each.
    """
    if label_id is None:
        return UNKNOWN_NEED
    accepted = Photo.objects.filter(project=project_id, state=PhotoState.ACCEPTED, label=label_id)
    counts = [
        _count_to_robust(accepted.filter(challenge__conditions=condition, condition_holds=True))
        for condition in _asked_by(challenge_id)
    ]
    return _need(min(counts or [_count_to_robust(accepted)]))


def _need(count: int) -> float:
    return max(0.0, 1 - count / ROBUST)


def _count_to_robust(photos: QuerySet[Photo]) -> int:
    return photos.order_by()[:ROBUST].count()


def _asked_by(challenge_id: int | None) -> list[int]:
    if challenge_id is None:
        return []
    return list(Challenge.conditions.through.objects.filter(challenge=challenge_id).values_list("condition", flat=True))


def _count(
    project: Project, asked: Mapping[int, list[int]]
) -> tuple[Mapping[int | None, int], Mapping[tuple[int | None, int], int]]:
    """Accepted photos by label, and by label and confirmed condition."""
    accepted = Photo.objects.filter(project=project, state=PhotoState.ACCEPTED).order_by()
    groups = accepted.values_list("label_id", "challenge_id", "condition_holds").annotate(count=Count("*"))
    totals: Counter[int | None] = Counter()
    confirmed: Counter[tuple[int | None, int]] = Counter()
    for label, challenge, holds, count in groups:
        totals[label] += count
        if holds and challenge is not None:
            for condition in asked.get(challenge, ()):
                confirmed[label, condition] += count
    return totals, confirmed


def asked_conditions(project: Project) -> dict[int, list[int]]:
    """The conditions that each challenge asks for, by their ids; one that asks for none is not among them."""
    asked: dict[int, list[int]] = {}
    pairs = Challenge.conditions.through.objects.filter(challenge__project=project)
    for challenge, condition in pairs.values_list("challenge_id", "condition_id"):
        asked.setdefault(challenge, []).append(condition)
    return asked

"""What volunteers' photos changed in the model: handed over by each night's training, and told only where it is sure.

Measured is which golden mistakes come back when the model learns without one person. Few photos change little, and a
difference that could be chance says nothing: then the answer is "no change yet", never that somebody did harm.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date

from django.db import transaction
from django.db.models import QuerySet

from collector.domain import volunteers
from collector.models import Contribution, Project, Volunteer

LEAST_PHOTOS = 5  # of a volunteer that the model learned from: fewer say nothing about them
ROWS_AT_ONCE = 500
FIGURES = ("photos", "fixed", "broken", "low", "high", "labels")


@dataclass(frozen=True, slots=True)
class Measured:
    """One volunteer in one night; ``low`` and ``high`` are the 95% interval of ``fixed - broken`` golden photos."""

    volunteer: uuid.UUID
    photos: int
    fixed: int
    broken: int
    low: int
    high: int
    labels: Mapping[str, int] = field(default_factory=dict)  # slug -> golden photos gained


@dataclass(frozen=True, slots=True)
class Told:
    """What a volunteer may hear about one project. ``fixed`` is None where there is no change yet."""

    project: str  # slug
    night: date
    photos: int
    fixed: int | None
    low: int
    high: int
    labels: Mapping[str, int]


def record(project: Project, night: date, measured: Sequence[Measured]) -> int:
    """Write what a night measured, in place of what was written for that night before; returns how many rows stand.

    Whoever has left meanwhile is left out. Any number of times.
    """
    wanted = [one.volunteer for one in measured]
    with transaction.atomic():
        # In the order in which leaving locks them: what is written now is deleted then, or not written at all.
        rows = Volunteer.objects.select_for_update(no_key=True).filter(pk__in=wanted, erased_at=None).order_by("pk")
        there = set(rows.values_list("pk", flat=True))
        Contribution.objects.filter(project=project, night=night).exclude(volunteer__in=there).delete()
        made = Contribution.objects.bulk_create(
            [_row(project, night, one) for one in measured if one.volunteer in there],
            batch_size=ROWS_AT_ONCE,
            update_conflicts=True,
            unique_fields=["project", "night", "volunteer"],
            update_fields=list(FIGURES),
        )
    return len(made)


def of_night(project: Project, night: date) -> list[Contribution]:
    """What one night measured, those who helped most first, with their volunteers: one query."""
    rows = Contribution.objects.filter(project=project, night=night).select_related("volunteer__merged_into")
    return sorted(rows, key=lambda one: (one.broken - one.fixed, -one.photos, one.pk))


def latest_of(project: Project) -> dict[uuid.UUID, Contribution]:
    """What was measured last of each volunteer: one query."""
    return {row.volunteer_id: row for row in _latest(Contribution.objects.filter(project=project))}


def told_to(volunteer: Volunteer) -> list[Told]:
    """What a person may hear of each project, what was measured last of them."""
    rows = _latest(Contribution.objects.filter(volunteer__in=volunteers.all_of(volunteer)).select_related("project"))
    by_project = {row.project_id: row for row in sorted(rows, key=lambda row: (row.night, row.photos))}
    return [_tell(row) for row in sorted(by_project.values(), key=lambda row: row.project.slug)]


def is_sure(row: Contribution) -> bool:
    """Whether the photos helped for all that is known: enough of them, and an interval above nothing."""
    return row.photos >= LEAST_PHOTOS and row.low > 0


def _tell(row: Contribution) -> Told:
    fixed = row.fixed - row.broken if is_sure(row) else None
    labels = row.labels if fixed else {}
    return Told(row.project.slug, row.night, row.photos, fixed, max(row.low, 0), max(row.high, 0), labels)


def _latest(rows: QuerySet[Contribution]) -> QuerySet[Contribution]:
    return rows.order_by("project", "volunteer", "-night").distinct("project", "volunteer")


def _row(project: Project, night: date, one: Measured) -> Contribution:
    values = asdict(one)
    return Contribution(project=project, night=night, volunteer_id=values.pop("volunteer"), **values)

"""How often each night's model was right, by label and confirmed condition: handed over by the training."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from django.db import transaction

from collector.domain import coverage, photos
from collector.models import Project, Result

ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Measured:
    """One label (its id) under one condition (its id) or in all; ``low`` and ``high`` are the 95% interval."""

    label: int
    condition: int | None
    correct: int
    photos: int
    low: float
    high: float


def confirmed_photos(project: Project) -> Iterator[tuple[uuid.UUID, Sequence[int]]]:
    """Accepted photos under whose challenge's conditions (their ids) a reviewer confirmed them: two queries."""
    asked = coverage.asked_conditions(project)
    rows = photos.accepted_photos(project).filter(condition_holds=True, challenge__in=asked)
    for photo, challenge in rows.values_list("pk", "challenge_id").iterator(chunk_size=ROWS_AT_ONCE):
        yield photo, asked[challenge]


def record(project: Project, night: date, measured: Sequence[Measured]) -> None:
    """Write a night's results in place of what was written for that night before. Any number of times."""
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two at once: one after the other
        Result.objects.filter(project=project, night=night).delete()
        Result.objects.bulk_create([_row(project, night, one) for one in measured], batch_size=ROWS_AT_ONCE)


def of_night(project: Project, night: date) -> list[Result]:
    """The night's results in the order of labels and conditions, in all first: one query."""
    rows = Result.objects.filter(project=project, night=night).select_related("label", "condition")
    return sorted(rows, key=lambda row: (row.label.position, row.label.slug, *_place(row)))


def _place(row: Result) -> tuple[int, str]:
    return (row.condition.position, row.condition.slug) if row.condition else (-1, "")


def _row(project: Project, night: date, one: Measured) -> Result:
    values = asdict(one)
    return Result(
        project=project, night=night, label_id=values.pop("label"), condition_id=values.pop("condition"), **values
    )

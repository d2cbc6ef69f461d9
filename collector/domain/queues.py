"""Photos for a reviewer's screen: filtered, ordered, held, with a few that were decided before mixed in."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from collector.domain import filters, holds, opinions
from collector.domain.filters import Filter
from collector.enums import PhotoState, ReviewOrder, Shown
from collector.models import Photo, Project
from foundation.models import User
from foundation.problems import Problem

MOST = 200  # photos a request
TRIES = 5  # when others took the same photos in the same moment
COUNTED = 1000  # beyond this, nobody needs the exact number, and counting would read the whole index
COUNTED_FILTERED = 200  # a filter without an index of its own reads many photos for each that matches
STACK_SHOWN = 60  # members of one stack that are named
WAITING = """
    SELECT project.id, waiting.count FROM collector_project AS project, LATERAL (
        SELECT count(*) FROM (
            SELECT 1 FROM collector_photo
            WHERE project_id = project.id AND state = 'awaiting_review' AND is_top LIMIT %s
        ) AS first
    ) AS waiting WHERE project.id = ANY(%s) AND waiting.count > 0
"""


@dataclass(frozen=True)
class Page:
    """Photos in their order. ``after`` is where the next page starts; empty where there is none."""

    photos: list[Photo] = field(default_factory=list)
    members: dict[uuid.UUID, list[uuid.UUID]] = field(default_factory=dict)  # of the stack under each photo on top
    after: str = ""


def serve(project: Project, chosen: Filter, *, by: User, after: str = "", limit: int = 20) -> Page:
    """The next photos for this reviewer; those that wait are held for them, and others' are left out.

    Raises Problem ``invalid-filter`` or ``invalid-cursor``.
    """
    limit = max(1, min(limit, MOST))
    if chosen.shown != Shown.WAITING:
        return page(filters.select(project, chosen), chosen.order, after=after, limit=limit)
    free = filters.select(project, chosen).exclude(holds.held_by_others(by))
    found = page(free, chosen.order, after=after, limit=limit)
    held = holds.take(found.photos, by=by)
    for _ in range(TRIES):
        if held or not found.photos:
            break
        with transaction.atomic():  # others were quicker: now pass over what somebody is just taking
            passing = free.select_for_update(no_key=True, skip_locked=True, of=("self",))
            found = page(passing, chosen.order, after=after, limit=limit)
            held = holds.take(found.photos, by=by)
    mixed = opinions.choose(project, len(held), by=by) if _is_everything(chosen) else []
    return Page(_mix(held, mixed), _members(project, held), found.after)


def page(photos: QuerySet[Photo], order: ReviewOrder, *, after: str = "", limit: int) -> Page:
    """One page of any photos, starting behind ``after``, which the page before gave. Never counts, never skips rows."""
    column = filters.ORDERS[order]
    name, is_falling = column.removeprefix("-"), column.startswith("-")
    if after:
        value, last = _read_cursor(after, name)
        side, beyond = ("lte", "lt") if is_falling else ("gte", "gt")
        # The first condition alone lets the index start there; the second makes it exact.
        behind = Q(**{f"{name}__{beyond}": value}) | Q(**{f"id__{beyond}": last})
        photos = photos.filter(behind, **{f"{name}__{side}": value})
    ordered = photos.order_by(column, "-id" if is_falling else "id")
    found = list(ordered.select_related(*opinions.SHOWN).prefetch_related("challenge__conditions")[: limit + 1])
    is_end = len(found) <= limit
    del found[limit:]
    return Page(found, after="" if is_end else write_cursor(found[-1], name))


def count(project: Project, chosen: Filter) -> tuple[int, int]:
    """How many photos match, and how far was counted: so many or more."""
    most = COUNTED if _is_everything(chosen) else COUNTED_FILTERED
    return filters.select(project, chosen).order_by()[:most].count(), most


def count_waiting(mine: Iterable[Project]) -> dict[int, int]:
    """How many photos (or stacks) wait in each project, by its id, in one query and up to ``COUNTED`` each."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING, [COUNTED, [project.pk for project in mine]])
        return dict(cursor.fetchall())


def _is_everything(chosen: Filter) -> bool:
    return replace(chosen, order=ReviewOrder.VALUE) == Filter()


def _mix(held: list[Photo], others: list[Photo]) -> list[Photo]:
    mixed = list(held)
    for photo in others:
        mixed.insert(opinions.CHANCE.randrange(len(mixed) + 1), photo)
    return mixed


def _members(project: Project, tops: list[Photo]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """The other waiting photos of each stack, under the id of the one on top."""
    by_stack = {photo.stack: photo.pk for photo in tops}
    waiting = Photo.objects.filter(project=project, stack__in=by_stack, state=PhotoState.AWAITING_REVIEW, is_top=False)
    found: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for stack, photo_id in waiting.order_by("received_at", "pk").values_list("stack", "pk"):
        top = by_stack[stack]  # a photo without a stack is in nobody's
        if len(found[top]) < STACK_SHOWN:
            found[top].append(photo_id)
    return dict(found)


def write_cursor(photo: Photo, name: str) -> str:
    """Where the page behind this photo starts, in an order by the field ``name``."""
    value = getattr(photo, name)
    return f"{value.isoformat() if name == 'received_at' else repr(value)}~{photo.pk}"


def _read_cursor(text: str, name: str) -> tuple[dt.datetime | float, uuid.UUID]:
    value, _, last = text.partition("~")
    try:
        return (_read_moment if name == "received_at" else float)(value), uuid.UUID(last)
    except ValueError as error:
        raise Problem(
            "invalid-cursor", 400, f"There is no page behind {text[:80]!r}.", do="Start from the first page."
        ) from error


def _read_moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment

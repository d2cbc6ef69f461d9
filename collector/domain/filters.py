"""Which photos a reviewer wants to see, and in which order, as it stands in the page's address."""

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from collector.domain import conditions, projects, suspicions
from collector.enums import PhotoState, Remark, ReviewOrder, Shown
from collector.models import Appeal, Challenge, Photo, Project
from collector.models.photos import ON_TOP
from foundation.problems import Problem

NO_LABEL = "none"  # photos whose volunteer did not know
DISAGREES = 0.5  # the phone's model gave the claimed label less than this; unknown counts as exactly this
SHOWN = {
    Shown.WAITING: ON_TOP,
    Shown.ACCEPTED: Q(state=PhotoState.ACCEPTED),
    Shown.REJECTED: Q(state=PhotoState.REJECTED),
    Shown.DISPUTED: Q(is_disputed=True),
    Shown.SUSPECTED: suspicions.OPEN,
    Shown.APPEALED: Q(state=PhotoState.REJECTED) & Exists(Appeal.objects.filter(photo=OuterRef("pk"), answer="")),
}
ORDERS = {
    ReviewOrder.VALUE: "-value",
    ReviewOrder.OLDEST: "received_at",
    ReviewOrder.NEWEST: "-received_at",
    ReviewOrder.DISAGREEMENT: "-disagreement",
    ReviewOrder.NEED: "-need",
    ReviewOrder.NOVELTY: "-novelty",
}
BY_AGE = (ReviewOrder.NEWEST, ReviewOrder.OLDEST)
SLUG = re.compile(r"[-a-zA-Z0-9_]{1,60}")
LARGEST = (1 << 63) - 1  # number that the database can compare with


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What the address says; empty members do not filter. Combined, all of them must hold."""

    shown: Shown = Shown.WAITING
    order: ReviewOrder = ReviewOrder.VALUE
    label: str = ""  # a slug, or "none"
    challenge: int | None = None
    condition: str = ""
    volunteer: uuid.UUID | None = None
    device: int | None = None
    remark: str = ""
    disagrees: bool = False
    reviewer: int | None = None  # decided by
    since: dt.date | None = None  # received on or after this day, in UTC
    until: dt.date | None = None  # and not after this one

    @property
    def orders(self) -> tuple[ReviewOrder, ...]:
        """Those that have an index: what is decided, and what came in some days, is ordered by age alone."""
        is_by_age = self.shown != Shown.WAITING or self.since is not None or self.until is not None
        return BY_AGE if is_by_age else tuple(ReviewOrder)

    def as_query(self) -> dict[str, str]:
        """The parameters that say the same, without those that say nothing."""
        said = {name: getattr(self, name) for name in READERS}
        plain = Filter()
        return {name: _write(value) for name, value in said.items() if value != getattr(plain, name)}


def read_filter(query: Mapping[str, str]) -> Filter:
    """Read an address's parameters. Raises Problem ``invalid-filter`` for what is not known or makes no sense."""
    read: dict[str, Any] = {}
    for name, text in query.items():
        if not text:
            continue
        if name not in READERS:
            raise _invalid(name, text, f"{', '.join(READERS)}")
        try:
            read[name] = READERS[name](text)
        except ValueError as error:
            raise _invalid(name, text, ALLOWED.get(name, "a name from the list on the page")) from error
    chosen = Filter(**read)
    if chosen.order in chosen.orders:
        return chosen
    return replace(chosen, order=ReviewOrder.OLDEST if chosen.shown == Shown.WAITING else ReviewOrder.NEWEST)


def select(project: Project, chosen: Filter) -> QuerySet[Photo]:
    """The photos that match. Raises Problem ``unknown-label`` or ``unknown-condition``."""
    found = Photo.objects.filter(SHOWN[chosen.shown], project=project)
    if chosen.label == NO_LABEL:
        found = found.filter(label=None)
    elif chosen.label:
        found = found.filter(label=projects.get_label(project, chosen.label))
    if chosen.condition:
        wanted = conditions.get_conditions(project, [chosen.condition])
        asking = Challenge.objects.filter(project=project, conditions__in=wanted)
        found = found.filter(challenge__in=list(asking.values_list("pk", flat=True)))
    if chosen.reviewer is not None:
        found = found.filter(decided_by=chosen.reviewer)
    if chosen.remark:
        # The first condition is that of an index; the second alone would read every photo.
        found = found.exclude(remarks=[]).filter(remarks__contains=[chosen.remark])
    if chosen.disagrees:
        found = found.filter(disagreement__gt=DISAGREES)
    if chosen.since is not None:
        found = found.filter(received_at__gte=_start(chosen.since))
    if chosen.until is not None:
        found = found.filter(received_at__lt=_start(chosen.until + dt.timedelta(days=1)))
    exact = {name: getattr(chosen, name) for name in ("challenge", "volunteer", "device")}
    return found.filter(**{name: value for name, value in exact.items() if value is not None})


def read_number(text: str) -> int:
    """The number of a row. Raises ValueError."""
    number = int(text)
    if not 0 <= number <= LARGEST:
        raise ValueError(text)
    return number


def _slug(text: str) -> str:
    if not SLUG.fullmatch(text):
        raise ValueError(text)
    return text


def _day(text: str) -> dt.date:
    day = dt.date.fromisoformat(text)
    if not dt.MINYEAR < day.year < dt.MAXYEAR:  # so that there is a day before and one after it
        raise ValueError(text)
    return day


def _start(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, dt.UTC)


def _flag(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError(text)
    return text == "1"


def _write(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _invalid(name: str, text: str, allowed: str) -> Problem:
    return Problem(
        "invalid-filter",
        400,
        f"Photos cannot be filtered by {name[:40]} {text[:60]!r}.",
        allowed=allowed,
        do="Choose from the filters on the page.",
    )


READERS: dict[str, Any] = {
    "shown": Shown,
    "order": ReviewOrder,
    "label": _slug,
    "challenge": read_number,
    "condition": _slug,
    "volunteer": uuid.UUID,
    "device": read_number,
    "remark": Remark,
    "disagrees": _flag,
    "reviewer": read_number,
    "since": _day,
    "until": _day,
}
ALLOWED = {
    "shown": ", ".join(Shown.values),
    "order": ", ".join(ReviewOrder.values),
    "remark": ", ".join(Remark.values),
    "challenge": "a challenge's number",
    "device": "a device's number",
    "reviewer": "a reviewer's number",
    "volunteer": "a volunteer's UUID",
    "disagrees": "0 or 1",
    "since": "a day such as 2026-11-21",
    "until": "a day such as 2026-11-21",
}

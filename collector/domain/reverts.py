"""Taking back every standing decision of a person, a device or some hours: previewed, then worked off in parts."""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from collector.domain import histories, projects, undoing
from collector.enums import DECIDED, Role
from collector.models import Project, Revert, Review
from foundation import jobs
from foundation.models import User
from foundation.problems import Problem

REVERT = "collector.revert"
PART = 500  # decisions in one transaction
SAMPLE = 24  # photos the preview shows
COUNTED = 100_000  # the preview counts no further


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Whose decisions, or on whose photos, and when they were taken. At least one member must be given."""

    reviewer: int | None = None
    volunteer: uuid.UUID | None = None
    device: int | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True)
class Preview:
    """What a revert would take back: how many decisions (``COUNTED`` means that or more), and some of their photos."""

    found: int
    newest_review: int
    sample: list[Review]


def preview(project: Project, scope: Scope, *, by: User) -> Preview:
    """Look before reverting. Raises Problem ``not-a-lead`` or ``empty-scope``."""
    _require(project, scope, by)
    standing = _standing(project, scope)
    sample = list(standing.select_related("photo", "reviewer", "label").order_by("-pk")[:SAMPLE])
    return Preview(standing[:COUNTED].count(), sample[0].pk if sample else 0, sample)


def start(project: Project, scope: Scope, newest_review: int, *, by: User) -> Revert:
    """Begin taking back what the preview showed; decisions taken since stand. Problems as for ``preview``."""
    _require(project, scope, by)
    found = _standing(project, scope).filter(pk__lte=newest_review)[:COUNTED].count()
    with transaction.atomic():
        revert = Revert.objects.create(
            project=project, by=by, scope=_to_json(scope), newest_review=newest_review, found=found
        )
        jobs.add(REVERT, str(revert.pk))
    return revert


def work_off(revert_id: int) -> bool:
    """Take the decisions back, newest first, in parts; killed and called again, it goes on. False if held or done."""
    lease = jobs.claim(REVERT, str(revert_id))
    if lease is None:
        return False
    revert = Revert.objects.select_related("project", "by").get(pk=revert_id)
    below = revert.newest_review + 1
    with jobs.holding(lease):
        while part := _next_part(revert, below):
            below = part[-1].pk
            with transaction.atomic():
                jobs.require(lease)
                opened = undoing.reopen(revert.project, part, by=revert.by)
                Revert.objects.filter(pk=revert_id).update(reverted=F("reverted") + len(opened))
        with transaction.atomic():
            Revert.objects.filter(pk=revert_id, finished_at=None).update(finished_at=Now())
            jobs.finish(lease)
    return True


def _require(project: Project, scope: Scope, by: User) -> None:
    projects.require_role(project, by, Role.LEAD)
    if scope == Scope():
        raise Problem(
            "empty-scope",
            400,
            "This would take back every decision of the project.",
            allowed="A reviewer, a volunteer, a device, or a time.",
            do="Choose at least one.",
        )


def _next_part(revert: Revert, below: int) -> list[Review]:
    return list(_standing(revert.project, _from_json(revert.scope)).filter(pk__lt=below).order_by("-pk")[:PART])


def _standing(project: Project, scope: Scope) -> QuerySet[Review]:
    decided = Q(photo__state__in=DECIDED)  # the erased cannot come back
    found = histories.standing_reviews().filter(decided, photo__project=project)
    conditions = {
        "reviewer": scope.reviewer,
        "photo__volunteer": scope.volunteer,
        "photo__device": scope.device,
        "created_at__gte": scope.since,
        "created_at__lt": scope.until,
    }
    return found.filter(**{name: value for name, value in conditions.items() if value is not None})


def _to_json(scope: Scope) -> dict[str, Any]:
    said = {name: value for name, value in asdict(scope).items() if value is not None}
    return {name: value if isinstance(value, int) else str(value) for name, value in said.items()}


def _from_json(said: dict[str, Any]) -> Scope:
    read: dict[str, Callable[[Any], Any]] = {
        "volunteer": uuid.UUID,
        "since": dt.datetime.fromisoformat,
        "until": dt.datetime.fromisoformat,
    }
    return Scope(**{name: read.get(name, int)(value) for name, value in said.items()})

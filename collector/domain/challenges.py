"""What to photograph on one day."""

import datetime as dt
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from collector.domain import measuring
from collector.models import Challenge, Condition, Label, Project
from foundation.problems import Problem

CLOCK_TOLERANCE = dt.timedelta(hours=1)


def set_challenge(
    project: Project,
    day: dt.date,
    *,
    text: str,
    label: Label | None = None,
    conditions: Sequence[Condition] = (),
    limits: Mapping[str, Any] | None = None,
    target_count: int = 100,
) -> Challenge:
    """Set or replace the challenge of one day. Raises Problem ``invalid-challenge`` or ``invalid-limits``.

    ``limits`` are what its photos should measure (see ``measuring``); photos that wait already are judged by them anew.
    """
    if not text.strip() or target_count < 1 or (label is not None and label.project_id != project.pk):
        raise Problem(
            "invalid-challenge",
            400,
            f"The challenge of {day} needs a text, a label of {project} and a target of at least 1 photo.",
            do="Correct it and try again.",
        )
    values = {
        "text": text.strip(),
        "label": label,
        "limits": measuring.check_limits(limits or {}),
        "target_count": target_count,
    }
    with transaction.atomic():
        challenge, is_new = Challenge.objects.update_or_create(project=project, day=day, defaults=values)
        challenge.conditions.set(conditions)
        if not is_new:
            measuring.remark_again(challenge)
    return challenge


def local_day(project: Project) -> dt.date:
    """Today where the project lives."""
    return timezone.localdate(timezone=zoneinfo.ZoneInfo(project.timezone))


def find_today(project: Project) -> Challenge | None:
    """Today's challenge, or None."""
    return Challenge.objects.filter(project=project, day=local_day(project)).select_related("label").first()


def today(project: Project) -> Challenge:
    """Today's challenge, or raise Problem ``no-challenge-today``."""
    challenge = find_today(project)
    if challenge is None:
        raise Problem(
            "no-challenge-today",
            404,
            f"{project} has no challenge for {local_day(project)}.",
            do="You may photograph anything the project knows.",
        )
    return challenge


def get_challenge(project: Project, challenge_id: str) -> Challenge:
    """The project's challenge with this id, as a phone sends it back. Raises Problem ``unknown-challenge``."""
    known = Challenge.objects.filter(project=project).select_related("project")
    found = known.filter(pk=challenge_id).first() if challenge_id.isdecimal() else None
    if found is None:
        raise Problem(
            "unknown-challenge",
            404,
            f"{project} has no challenge {challenge_id!r}.",
            do="Send the id that came with the day's challenge, or leave it out.",
        )
    return found


def ends_at(challenge: Challenge) -> dt.datetime:
    """The moment the challenge's day is over where the project lives."""
    return _midnight(challenge, 1).astimezone(zoneinfo.ZoneInfo(challenge.project.timezone))


def is_late(challenge: Challenge, captured_at: dt.datetime | None, received_at: dt.datetime) -> bool:
    """Whether a photo misses its challenge: not taken on its day, or received more than ``grace_days`` after it.

    The day is the project's own, whatever zone the phone was in, and CLOCK_TOLERANCE longer at both ends, for clocks
    that are off. Without a moment of capture, or with one that lies in the future, the moment of receipt counts.
    """
    taken_at = captured_at or received_at
    if taken_at > received_at + CLOCK_TOLERANCE:
        taken_at = received_at
    is_of_the_day = _midnight(challenge, 0) - CLOCK_TOLERANCE <= taken_at < ends_at(challenge) + CLOCK_TOLERANCE
    return not is_of_the_day or received_at >= grace_ends_at(challenge)


def grace_ends_at(challenge: Challenge) -> dt.datetime:
    """The moment from which photos of the day come too late; never before a photo of its last minute can arrive."""
    return max(_midnight(challenge, 1 + challenge.grace_days), ends_at(challenge) + CLOCK_TOLERANCE)


def _midnight(challenge: Challenge, days: int) -> dt.datetime:
    """The first moment of the day that many days after the challenge's, where the project lives."""
    zone = zoneinfo.ZoneInfo(challenge.project.timezone)
    # In UTC: Python compares and adds moments of one zone by their wall clocks, which change twice a year.
    return dt.datetime.combine(challenge.day + dt.timedelta(days=days), dt.time.min, zone).astimezone(dt.UTC)

"""Leases on photos that are on somebody's screen, so that two people are not given the same one unasked.

A lease, not a lock: it ends by itself, and a decision does not ask for it. Whoever decides first has decided.
"""

import uuid
from collections.abc import Collection, Sequence

from django.db import connection
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from collector.models import Hold, Photo, Project
from foundation.models import User

HOLD_S = 600  # longer than anybody looks at one screen; short enough that a closed laptop holds nothing up
TAKE = """
    INSERT INTO collector_hold (photo_id, reviewer_id, until)
    SELECT id, %s, now() + make_interval(secs => %s) FROM collector_photo
    WHERE id = ANY(%s) AND state = 'awaiting_review' ORDER BY id
    ON CONFLICT (photo_id) DO UPDATE SET reviewer_id = excluded.reviewer_id, until = excluded.until
    WHERE collector_hold.until < now() OR collector_hold.reviewer_id = excluded.reviewer_id
    RETURNING photo_id
"""
# Both take rows in the order of their photos, so that a decision and a request for more photos, which one page sends at
# the same time, never wait for each other in a circle.
END = """
    DELETE FROM collector_hold WHERE photo_id IN (
        SELECT photo_id FROM collector_hold AS hold JOIN collector_photo AS photo ON photo.id = hold.photo_id
        WHERE photo_id = ANY(%(photos)s) AND reviewer_id = coalesce(%(reviewer)s, reviewer_id)
            AND project_id = coalesce(%(project)s, project_id)
        ORDER BY photo_id FOR UPDATE OF hold
    )
"""


def held_by_others(by: User) -> Exists:
    """A condition on photos: somebody else has it on the screen now."""
    return Exists(Hold.objects.filter(photo=OuterRef("pk"), until__gt=Now()).exclude(reviewer=by))


def take(photos: Sequence[Photo], *, by: User) -> list[Photo]:
    """Hold these photos, and return those that wait and that nobody else was quicker with.

    Holding again extends the lease.
    """
    if not photos:
        return []
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [by.pk, HOLD_S, [photo.pk for photo in photos]])
        taken = {row[0] for row in cursor.fetchall()}
    return [photo for photo in photos if photo.pk in taken]


def release(project: Project, ids: Collection[uuid.UUID], *, by: User) -> int:
    """Let others have these photos: the page was closed, or they scrolled away. Returns how many were held."""
    return _end(ids, reviewer=by.pk, project=project.pk)


def end(ids: Collection[uuid.UUID]) -> None:
    """Nobody needs to hold these photos any more: they are decided."""
    _end(ids)


def _end(ids: Collection[uuid.UUID], *, reviewer: int | None = None, project: int | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(END, {"photos": list(ids), "reviewer": reviewer, "project": project})
        return int(cursor.rowcount)

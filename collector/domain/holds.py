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
    SELECT photo, %s, now() + make_interval(secs => %s) FROM unnest(%s::uuid[]) AS photo ORDER BY photo
    ON CONFLICT (photo_id) DO UPDATE SET reviewer_id = excluded.reviewer_id, until = excluded.until
    WHERE collector_hold.until < now() OR collector_hold.reviewer_id = excluded.reviewer_id
    RETURNING photo_id
"""


def held_by_others(by: User) -> Exists:
    """A condition on photos: somebody else has it on the screen now."""
    return Exists(Hold.objects.filter(photo=OuterRef("pk"), until__gt=Now()).exclude(reviewer=by))


def take(photos: Sequence[Photo], *, by: User) -> list[Photo]:
    """Hold these photos, and return those that nobody else was quicker with. Holding again extends the lease."""
    if not photos:
        return []
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [by.pk, HOLD_S, [photo.pk for photo in photos]])
        taken = {row[0] for row in cursor.fetchall()}
    return [photo for photo in photos if photo.pk in taken]


def release(project: Project, ids: Collection[uuid.UUID], *, by: User) -> int:
    """Let others have these photos: the page was closed, or they scrolled away. Returns how many were held."""
    held = Hold.objects.filter(reviewer=by, photo__in=ids, photo__project=project)
    return held.delete()[0]

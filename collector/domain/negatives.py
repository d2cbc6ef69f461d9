"""Rejected photos that teach a model when to answer "none of these"."""

import uuid
from collections.abc import Iterator
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import Now

from collector.enums import PhotoState, RejectReason, ReviewAction
from collector.models import Appeal, Hold, Photo, Project, Review

# The photo shows nothing the model knows, or nothing at all. Never what nobody should look at again (privacy, unsafe),
# and never what does show its label (a duplicate, a screen, another challenge's thing).
TEACHING = (RejectReason.WRONG_OBJECT, RejectReason.NOT_VISIBLE, RejectReason.TECHNICALLY_UNUSABLE)
ROWS_AT_ONCE = 2000


class Negative(NamedTuple):
    """One such photo; the digest is of its normalised bytes."""

    photo_id: uuid.UUID
    sha256: str
    reason: str
    volunteer_id: uuid.UUID
    is_known: bool  # whether the volunteer is


def negative_photos(project: Project) -> Iterator[Negative]:
    """Photos rejected for one of ``TEACHING``, in a stable order.

    Left out is what somebody doubts: a photo that was ever appealed, that a second opinion disputes, or that a reviewer
    has on the screen now. Erased photos are not rejected any more; those without pixels have nothing to teach.
    """
    standing = Review.objects.filter(photo=OuterRef("pk"), action=ReviewAction.REJECT, undone_by=None)
    reason = Subquery(standing.order_by("-pk").values("reason")[:1])
    doubted = Exists(Appeal.objects.filter(photo=OuterRef("pk")))
    held = Exists(Hold.objects.filter(photo=OuterRef("pk"), until__gt=Now()))
    rejected = Photo.objects.filter(~doubted, ~held, project=project, state=PhotoState.REJECTED, is_disputed=False)
    found = rejected.exclude(normalised_sha256="").annotate(reason=reason).filter(reason__in=TEACHING).order_by("pk")
    columns = ("pk", "normalised_sha256", "reason", "volunteer_id", "volunteer__is_known")
    yield from map(Negative._make, found.values_list(*columns).iterator(chunk_size=ROWS_AT_ONCE))

"""Labels that look wrong to the model: handed over each night, a queue for reviewers, settled by a person, once."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, Window
from django.db.models.functions import Now

from collector.enums import PhotoState
from collector.models import Photo, Project, Suspicion

ROWS_AT_ONCE = 500
OPEN = Q(state=PhotoState.ACCEPTED) & Exists(Suspicion.objects.filter(photo=OuterRef("pk"), settled_at=None))


@dataclass(frozen=True, slots=True)
class Suspected:
    """A photo that is rather the label ``likely`` (its id); ``margin`` is 0 to 1."""

    photo: uuid.UUID
    likely: int
    margin: float


def record(project: Project, night: date, found: Sequence[Suspected]) -> int:
    """Write a night's suspicions in place of the open ones before it; returns how many are open now.

    What a person has settled stays settled, and a photo that is not accepted any more is passed over. Any number of
    times.
    """
    with transaction.atomic():
        # Whoever decides on one of them, or erases it, is waited for: what is gone by then is not written.
        rows = Photo.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=[one.photo for one in found])
        accepted = rows.filter(project=project, state=PhotoState.ACCEPTED).order_by("pk")
        there = set(accepted.values_list("pk", flat=True))
        open_ones = Suspicion.objects.filter(photo__project=project, settled_at=None)
        open_ones.exclude(photo__in=there).delete()
        Suspicion.objects.bulk_create(
            [
                Suspicion(photo_id=one.photo, night=night, likely_id=one.likely, margin=one.margin)
                for one in found
                if one.photo in there
            ],
            batch_size=ROWS_AT_ONCE,
            update_conflicts=True,
            unique_fields=["photo"],
            update_fields=["night", "likely", "margin"],
        )
        return open_ones.count()


def settle(ids: Iterable[uuid.UUID]) -> None:
    """A person looked at these photos again: whatever they decided, no night asks about them any more."""
    Suspicion.objects.filter(photo__in=list(ids), settled_at=None).update(settled_at=Now())


def forget(ids: Iterable[uuid.UUID]) -> None:
    """These photos are erased."""
    Suspicion.objects.filter(photo__in=list(ids)).delete()


def of_night(project: Project, night: date, most: int) -> tuple[list[Suspicion], int]:
    """The surest ``most`` that this night was the last to find and that nobody has settled, and how many there are.

    One query.
    """
    rows = Suspicion.objects.filter(
        photo__project=project, photo__state=PhotoState.ACCEPTED, night=night, settled_at=None
    )
    counted = rows.annotate(count=Window(Count("pk"))).select_related("likely", "photo__label")
    shown = list(counted.order_by("-margin", "photo")[:most])
    return list[Suspicion](shown), int(shown[0].count) if shown else 0

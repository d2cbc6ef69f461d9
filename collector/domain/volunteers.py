"""Who a volunteer is now: a guest may have turned out to be somebody who was here before."""

import uuid
from collections.abc import Iterator

from django.db.models import Exists, OuterRef, Q, QuerySet

from collector.enums import PhotoState
from collector.models import Photo, Project, Volunteer
from foundation.problems import Problem


def lock_surviving(volunteer: Volunteer) -> Volunteer:
    """The volunteer that photos of this one go to, locked until the transaction ends.

    Requests that began before a merge still hold the row from before it. Raises Problem ``account-erased`` (410).
    """
    found = Volunteer.objects.select_for_update(no_key=True).get(pk=volunteer.pk)
    if found.merged_into_id:  # the other one has an account, and whoever has one is never merged away
        found = Volunteer.objects.select_for_update(no_key=True).get(pk=found.merged_into_id)
    if found.erased_at:
        raise erased()
    return found


def surviving_id(volunteer: Volunteer) -> uuid.UUID:
    """The id of the volunteer that this one is now."""
    into = Volunteer.objects.filter(pk=volunteer.pk).values_list("merged_into", flat=True).first()
    return into or volunteer.pk


def all_of(volunteer: Volunteer) -> QuerySet[Volunteer]:
    """The volunteer, and the guests who turned out to be the same person."""
    return Volunteer.objects.filter(Q(pk=volunteer.pk) | Q(merged_into=volunteer))


def photographers_of(project: Project) -> Iterator[uuid.UUID]:
    """The ids of everybody with an accepted photo in the project."""
    theirs = Photo.objects.filter(volunteer=OuterRef("pk"), project=project, state=PhotoState.ACCEPTED)
    yield from Volunteer.objects.filter(Exists(theirs)).values_list("pk", flat=True).iterator(chunk_size=2000)


def merged_pairs() -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
    """Every guest who turned out to be somebody, and who that is, in a stable order."""
    pairs = Volunteer.objects.exclude(merged_into=None).order_by("pk").values_list("pk", "merged_into_id")
    for guest, into in pairs.iterator(chunk_size=2000):
        if into is not None:
            yield guest, into


def erased() -> Problem:
    """The answer to somebody who has left."""
    return Problem("account-erased", 410, "This account was erased.", do="Become a guest again if you want to go on.")

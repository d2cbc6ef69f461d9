"""The photos behind a night's pseudonyms, for people who may see them; only those that are still accepted.

A pseudonym says nothing backwards, so those of the photos in question are computed anew: of their volunteers first, of
whom there are few, and then of those volunteers' photos. Nothing that leads back to a photo is stored for it.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collector.domain import photos, volunteers
from collector.models import Project
from training.domain.answers import Mistake
from training.domain.splits import pseudonym

ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Sighting:
    """A mistake, the photo it is about, and the slug that reviewers have given that photo by now."""

    mistake: Mistake
    photo_id: uuid.UUID
    label_now: str


def find_photos(
    project: Project, mistakes: Sequence[Mistake], *, most: int, by_volunteer: bool = True
) -> list[Sighting]:
    """The first ``most`` mistakes whose photos are still accepted, in their order; three queries at most.

    Where a night had too few volunteers to tell them apart (``by_volunteer`` is False), its groups are bursts, and
    all of the project's accepted photos are looked through.
    """
    if not mistakes:
        return []
    accepted = photos.accepted_photos(project)
    if by_volunteer:
        accepted = accepted.filter(volunteer__in=_find_volunteers(project, {one.group for one in mistakes}))
    rows = accepted.values_list("pk", "label__slug").iterator(chunk_size=ROWS_AT_ONCE)
    found = _match(project, rows, {one.photo for one in mistakes})
    seen = [Sighting(one, *found[one.photo]) for one in mistakes if one.photo in found]
    return seen[:most]


def _find_volunteers(project: Project, groups: set[str]) -> list[uuid.UUID]:
    """Who is behind the pseudonyms: themselves, or the person that a guest turned out to be."""
    pairs = [(who, who) for who in volunteers.photographers_of(project)] + list(volunteers.merged_pairs())
    return [now for then, now in pairs if pseudonym(project.split_secret, "volunteer", then) in groups]


def _match(
    project: Project, rows: Iterable[tuple[uuid.UUID, str]], wanted: set[str]
) -> dict[str, tuple[uuid.UUID, str]]:
    found: dict[str, tuple[uuid.UUID, str]] = {}
    for photo_id, slug in rows:
        name = pseudonym(project.split_secret, "photo", photo_id)
        if name in wanted:
            found[name] = (photo_id, slug)
            if len(found) == len(wanted):
                break
    return found

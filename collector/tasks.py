"""Doorbells: a kind and a key in, one call of the domain."""

import uuid

from collector.domain import normalising, ordering, photos, reverts
from collector.models import Project
from foundation import jobs


@jobs.task(normalising.NORMALISE)
def normalise_photo(key: str) -> None:
    """Make the pixels of one photo."""
    normalising.normalise_photo(uuid.UUID(key))


@jobs.task(photos.ERASE)
def erase_photo(key: str) -> None:
    """Delete the bytes of one photo that its owner erased."""
    photos.erase_photo(uuid.UUID(key))


@jobs.task(reverts.REVERT)
def revert(key: str) -> None:
    """Take back decisions as a lead asked."""
    reverts.work_off(int(key))


@jobs.task("collector.refresh_needs")
def refresh_needs() -> None:
    """Bring the order of what waits up to date with what was accepted meanwhile."""
    for project in Project.objects.all():
        ordering.refresh_needs(project)


@jobs.task("collector.delete_originals")
def delete_originals() -> None:
    """Delete the originals that were kept long enough."""
    photos.delete_originals()

"""Doorbells: a kind and a key in, one call of the domain."""

import uuid

from collector.domain import erasures, exports, normalising, ordering, photos, reverts
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


@jobs.task(exports.EXPORT, long=True)
def make_export(key: str) -> None:
    """Write the zip of one person."""
    exports.make_export(uuid.UUID(key))


@jobs.task("collector.delete_exports")
def delete_exports() -> None:
    """Delete the zips that were kept long enough."""
    exports.delete_expired()


@jobs.task(erasures.ERASE_ACCOUNT, long=True)
def erase_account(key: str) -> None:
    """Delete the bytes of somebody who left."""
    erasures.carry_out(uuid.UUID(key))

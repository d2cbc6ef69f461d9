"""Everything held about one person, as a zip for them alone, for EXPORT_DAYS."""

import datetime as dt
import uuid
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from collector.domain import archives, volunteers
from collector.domain.people import Person
from collector.models import Export
from foundation import blobs, jobs
from foundation.enums import JobState
from foundation.models import User
from foundation.problems import Problem

EXPORT = "collector.make_export"


def ask_export(person: Person) -> Export:
    """Have a new zip made, or return the one that is being made. An older one is deleted.

    Raises Problem ``account-erased`` where the person has left.
    """
    with transaction.atomic():
        if person.user is not None:  # in the order in which joining an account locks them
            list(User.objects.select_for_update(no_key=True).filter(pk=person.user.pk))
        if person.volunteer is not None:  # the lock also keeps two requests from making two
            volunteers.lock_surviving(person.volunteer)
        found = list(exports_of(person))
        making = next((export for export in found if export.ready_at is None and export.expires_at is None), None)
        if making is None:
            for export in found:
                _delete(export)
            making = Export.objects.create(user=person.user, volunteer=person.volunteer)
        jobs.requeue(EXPORT, str(making.pk))  # one that was given up is tried again
    return making


def exports_of(person: Person) -> QuerySet[Export]:
    """The person's export, if there is one, newest first."""
    return Export.objects.filter(person.rows).order_by("-asked_at", "-pk")


def find_latest(person: Person) -> Export | None:
    """The export that can still be downloaded, or is being made."""
    return exports_of(person).filter(Q(expires_at=None) | Q(expires_at__gt=Now())).first()


def get_export(person: Person, export_id: uuid.UUID) -> Export:
    """The person's export. Raises Problem ``unknown-export`` for anybody else's, and once it has expired."""
    export = exports_of(person).filter(Q(expires_at=None) | Q(expires_at__gt=Now()), pk=export_id).first()
    if export is None:
        raise Problem("unknown-export", 404, "There is no such export of yours.", do="Ask for a new one.")
    return export


def say_state(export: Export) -> str:
    """``making``, ``ready``, or ``failed``: then asking again tries again."""
    if export.ready_at is not None:
        return "ready"
    job = jobs.find(EXPORT, str(export.pk))
    return "failed" if job is not None and job.state == JobState.QUARANTINED else "making"


def open_export(export: Export) -> BinaryIO:
    """The zip. Raises Problem ``export-not-ready`` (409)."""
    if export.ready_at is None:
        raise Problem("export-not-ready", 409, "The export is still being made.", do="Try again in a moment.")
    return blobs.open(archives.blob_key(export))


def make_export(export_id: uuid.UUID) -> bool:
    """Write the zip. False if the job is done, held by somebody else, or nobody wants the zip any more."""
    lease = jobs.claim(EXPORT, str(export_id))
    if lease is None:
        return False
    with jobs.holding(lease):
        export = Export.objects.select_related("user", "volunteer").filter(pk=export_id, expires_at=None).first()
        size = archives.write_archive(export).size if export else 0
        ends = Now() + dt.timedelta(days=settings.EXPORT_DAYS)
        with transaction.atomic():
            jobs.finish(lease)
            made = Export.objects.filter(pk=export_id, expires_at=None).update(
                ready_at=Now(), expires_at=ends, size_bytes=size, photos_done=F("photos_total")
            )
        if export and not made:  # the person left meanwhile
            blobs.delete(archives.blob_key(export))
    return bool(made)


def delete_expired() -> int:
    """Delete the zips that were kept long enough, and return how many."""
    expired = list(Export.objects.filter(expires_at__lt=Now()))
    for export in expired:
        blobs.delete(archives.blob_key(export))
        export.delete()
    return len(expired)


def _delete(export: Export) -> None:
    key = archives.blob_key(export)
    export.delete()
    transaction.on_commit(lambda: blobs.delete(key), robust=True)

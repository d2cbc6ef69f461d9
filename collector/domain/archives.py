"""The zip of one person's data: JSON in words, and their photos. Streamed, so that its size is nobody's trouble."""

import json
import shutil
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from collector.domain import histories, photos, volunteers, words
from collector.enums import PhotoState, ReviewAction
from collector.models import Consent, Contribution, Device, Export, Membership, Photo, Review
from foundation import accounts, blobs
from foundation.models import User

ROWS_AT_ONCE = 500
TELL_EVERY = 50
README = """\
Everything that Daybreak holds about you, written on {day}.

account.json    your account: addresses, ways to sign in, sessions, roles; empty if you are a guest
devices.json    the phones and browsers that may send photos for you
consents.json   the texts you agreed to, and when
photos.json     what we know of each of your photos, and what reviewers decided, in words
decisions.json  what you decided yourself, if you review
learned.json    what your photos changed, night by night: mistakes of the model that they fixed
photos/         the photos as they are kept, by the id in photos.json

Photos that you erased are listed without content, so that a late upload cannot bring them back.
"""


class _Stream:
    """What zipfile needs of a file that is written once, from its beginning to its end."""

    def __init__(self, blob: blobs.Writer) -> None:
        self._blob = blob

    def write(self, data: bytes) -> int:
        """All of it."""
        self._blob.write(data)
        return len(data)

    def flush(self) -> None:
        """The blob is durable when it is committed."""


def blob_key(export: Export) -> str:
    """Where the zip lies."""
    return f"exports/{export.pk}.zip"


def write_archive(export: Export) -> blobs.Blob:
    """Write the zip, and its progress into the row."""
    everybody = list(volunteers.all_of(export.volunteer)) if export.volunteer else []
    mine = Photo.objects.filter(volunteer__in=everybody)
    kept = mine.exclude(state=PhotoState.DELETED).exclude(normalised_at=None).order_by("pk")
    Export.objects.filter(pk=export.pk).update(photos_total=kept.count(), photos_done=0)
    with blobs.writer(blob_key(export)) as blob:
        with zipfile.ZipFile(_Stream(blob), "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
            archive.writestr("README.txt", README.format(day=timezone.now().date()))
            _write_list(archive, "account.json", _account(export.user))
            _write_list(archive, "devices.json", _devices(Device.objects.filter(volunteer__in=everybody)))
            _write_list(archive, "consents.json", _consents(Consent.objects.filter(volunteer__in=everybody)))
            _write_list(archive, "photos.json", _photos(mine))
            _write_list(archive, "decisions.json", _decisions(export.user))
            _write_list(archive, "learned.json", _learned(Contribution.objects.filter(volunteer__in=everybody)))
            _write_pictures(archive, kept, export)
        return blob.commit()


def _write_list(archive: zipfile.ZipFile, name: str, rows: Iterable[dict[str, Any]]) -> None:
    with archive.open(name, "w") as out:
        out.write(b"[")
        for at, row in enumerate(rows):
            out.write(b",\n" if at else b"\n")
            out.write(json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1).encode())
        out.write(b"\n]\n")


def _write_pictures(archive: zipfile.ZipFile, kept: QuerySet[Photo], export: Export) -> None:
    ids: Iterator[uuid.UUID] = kept.values_list("pk", flat=True).iterator(chunk_size=ROWS_AT_ONCE)
    for done, photo_id in enumerate(ids, start=1):
        try:
            picture = blobs.open(photos.normalised_key(photo_id))
        except blobs.BlobMissing:  # erased since the list was begun
            continue
        # A JPEG does not shrink further.
        with picture, archive.open(zipfile.ZipInfo(f"photos/{photo_id}.jpg"), "w") as out:
            shutil.copyfileobj(picture, out)
        if done % TELL_EVERY == 0:
            Export.objects.filter(pk=export.pk).update(photos_done=done)


def _account(user: User | None) -> Iterator[dict[str, Any]]:
    if user is None:
        return
    roles = Membership.objects.filter(user=user).select_related("project")
    yield accounts.describe(user) | {
        "roles": [{"project": one.project.name, "role": one.get_role_display()} for one in roles]
    }


def _devices(rows: QuerySet[Device]) -> Iterator[dict[str, Any]]:
    for one in rows.order_by("pk").values("id", "name", "created_at", "last_seen_on", "revoked_at"):
        yield {**one}


def _consents(rows: QuerySet[Consent]) -> Iterator[dict[str, Any]]:
    for one in rows.select_related("text").order_by("agreed_at"):
        yield {"version": one.text.version, "agreed_at": one.agreed_at, "text": one.text.body}


def _photos(mine: QuerySet[Photo]) -> Iterator[dict[str, Any]]:
    standing = histories.standing_reviews().select_related("label")
    rows = mine.select_related("project", "label", "claimed_label", "challenge", "consent__text").order_by("pk")
    rows = rows.prefetch_related(Prefetch("reviews", standing.order_by("pk")))
    for photo in rows.iterator(chunk_size=ROWS_AT_ONCE):
        yield {
            "photo": photo.pk,
            "project": photo.project.name,
            "state": photo.get_state_display().lower(),
            "why": photo.unreadable_reason or photo.get_deleted_because_display(),
            "your_label": photo.claimed_label.name if photo.claimed_label else None,
            "label": photo.label.name if photo.label else None,
            "challenge": photo.challenge.text if photo.challenge else None,
            "consent": photo.consent.text.version if photo.consent else None,
            "captured_at": photo.captured_at,
            "received_at": photo.received_at,
            "deleted_at": photo.deleted_at,
            "size_bytes": photo.size_bytes,
            "sha256": photo.sha256,
            "release": photo.release,
            "scores": photo.scores,
            "measurements": photo.measurements,
            "reviews": [{"said": _say(review), "at": review.created_at} for review in photo.reviews.all()],
        }


def _learned(rows: QuerySet[Contribution]) -> Iterator[dict[str, Any]]:
    names = ("project__name", "night", "photos", "fixed", "broken", "low", "high", "labels")
    for one in rows.order_by("project", "night").values(*names):
        yield {**one}


def _say(review: Review) -> str:
    if review.action == ReviewAction.REJECT:
        return words.say(review.reason)
    return f"A reviewer accepted this photo as {review.label}."


def _decisions(user: User | None) -> Iterator[dict[str, Any]]:
    if user is None:
        return
    mine = Review.objects.filter(reviewer=user).order_by("pk")
    rows = mine.values("photo", "action", "reason", "label__slug", "created_at")
    for one in rows.iterator(chunk_size=ROWS_AT_ONCE):
        yield {**one}

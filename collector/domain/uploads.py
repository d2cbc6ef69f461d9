"""One photo is one idempotent request: bytes first made durable, then the row and its job in one transaction.

What may happen in between, and why nothing is lost or doubled:
- a crash before the row: no answer went out, nothing is visible; the phone sends again and finds the same key;
- a crash after the row: the bytes lie there already; the phone sends again and gets the first receipt;
- two requests with one id at once: the primary key lets one of them in, and the key of the bytes ends in their
  digest, so the other can neither overwrite nor delete what the row names.
"""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterable, Mapping

from django.db import IntegrityError, transaction
from django.utils import timezone

from collector.domain import challenges, consents, photos, volunteers
from collector.domain.normalising import NORMALISE
from collector.domain.receipts import Receipt, receipt_for
from collector.enums import PhotoState
from collector.models import Challenge, Device, Label, Photo, Project, Volunteer
from foundation import blobs, jobs
from foundation.problems import Problem

MAX_BYTES = 25_000_000
FORMATS = "JPEG, PNG, WebP and HEIC"
HEAD_BYTES = 12  # enough to tell every format we take
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Upload:
    """What a sender says about the bytes to come. ``sha256`` is hex, and is checked."""

    photo_id: uuid.UUID
    project: Project
    sha256: str
    label: Label | None = None
    challenge: Challenge | None = None
    captured_at: dt.datetime | None = None
    release: str = ""
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    pinned_split: str = ""
    device: Device | None = None


def receive_photo(upload: Upload, body: Iterable[bytes], *, by: Volunteer) -> Receipt:
    """Store one photo, or return the first receipt where it is stored already.

    Raises Problem ``too-large`` (413), ``not-a-photo`` (415), ``wrong-digest`` (400), ``other-bytes`` (409),
    ``unknown-photo`` (404, the id is another volunteer's) or ``photo-deleted`` (410), and leaves nothing behind.
    Raises StorageFull or an error of the database with nothing visible; sending again is always right.
    """
    first = _find(upload.photo_id)
    if first is not None:  # the row decides, so the bytes are read and judged, but not stored
        counted = blobs.Tally()
        _pour(body, counted, upload.sha256)
        return _replay(first, counted.sha256, by)
    with blobs.writer(photos.original_key(upload.photo_id, upload.sha256)) as blob:
        media_type = _pour(body, blob, upload.sha256)
        blob.commit()
    try:
        return receipt_for(_insert(upload, media_type, blob.size, by), is_new=True)
    except Problem:  # the volunteer left while the bytes came in: nothing of them may stay
        blobs.delete(photos.original_key(upload.photo_id, upload.sha256))
        raise
    except IntegrityError:
        first = _find(upload.photo_id)
        if first is None:  # another constraint, such as a project deleted under us
            raise
        return _lose_race(first, upload.sha256, by)


def _find(photo_id: uuid.UUID) -> Photo | None:
    """What a replay needs of the row; all of its columns would cost each upload a millisecond."""
    asked = Photo.objects.filter(pk=photo_id).only("volunteer_id", "state", "sha256", "size_bytes", "received_at")
    return next(iter(asked), None)


def sniff(head: bytes) -> str:
    """The media type that the first 12 bytes promise, or an empty string. A decoder judges later, in its sandbox."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        return "image/heic"
    return ""


def too_large(size_bytes: int) -> Problem:
    """The answer to a body over the limit, whether announced or found out while reading."""
    return Problem(
        "too-large",
        413,
        f"The photo is too large: {size_bytes / 1e6:.1f} MB.",
        allowed=f"At most {MAX_BYTES // 1_000_000} MB.",
        do="Send a smaller photo.",
    )


def _pour(body: Iterable[bytes], out: blobs.Tally, announced: str) -> str:
    """Pass the body on while judging it; returns its media type."""
    head, media_type = b"", ""
    for chunk in body:
        if out.size + len(chunk) > MAX_BYTES:
            raise too_large(out.size + len(chunk))
        if len(head) < HEAD_BYTES:
            head += chunk[: HEAD_BYTES - len(head)]
            media_type = _media_type(head) if len(head) == HEAD_BYTES else ""
        out.write(chunk)
    media_type = media_type or _media_type(head)
    if out.sha256 != announced:
        raise Problem(
            "wrong-digest",
            400,
            "The photo arrived damaged: its SHA-256 digest is not the announced one.",
            do="Send it again, with the digest of exactly these bytes.",
            announced=announced,
            received=out.sha256,
        )
    return media_type


def _media_type(head: bytes) -> str:
    media_type = sniff(head)
    if not media_type:
        raise Problem(
            "not-a-photo",
            415,
            "This is not a photo we can read." if head else "The photo is empty.",
            allowed=FORMATS,
            do="Send the photo as it came from the camera.",
        )
    return media_type


def _insert(upload: Upload, media_type: str, size_bytes: int, by: Volunteer) -> Photo:
    received_at = timezone.now()
    challenge = upload.challenge
    with transaction.atomic():
        by = volunteers.lock_surviving(by)  # a merge or an erasure now waits for this photo, or this photo for it
        photo = Photo.objects.create(
            id=upload.photo_id,
            project=upload.project,
            volunteer=by,
            challenge=challenge,
            is_late=challenge is not None and challenges.is_late(challenge, upload.captured_at, received_at),
            claimed_label=upload.label,
            label=upload.label,
            media_type=media_type,
            size_bytes=size_bytes,
            sha256=upload.sha256,
            pinned_split=upload.pinned_split,
            captured_at=upload.captured_at,
            received_at=received_at,
            release=upload.release,
            scores=dict(upload.scores),
            device=upload.device,
            consent=consents.latest_consent(by),
        )
        jobs.add(NORMALISE, str(photo.pk))
    return photo


def _lose_race(first: Photo, sha256: str, by: Volunteer) -> Receipt:
    # Rows are never removed, so what the row does not name now it never will. The same holds for an erased photo.
    if first.sha256 != sha256 or first.state == PhotoState.DELETED:
        blobs.delete(photos.original_key(first.pk, sha256))
    return _replay(first, sha256, by)


def _replay(first: Photo, sha256: str, by: Volunteer) -> Receipt:
    if first.volunteer_id != by.pk and first.volunteer_id != volunteers.surviving_id(by):
        raise photos.unknown_photo(first.pk)
    if first.state == PhotoState.DELETED:
        raise Problem("photo-deleted", 410, "You deleted this photo.", do="Send it under a new id if you want it back.")
    if first.sha256 != sha256:
        raise Problem(
            "other-bytes",
            409,
            "Another photo was already stored under this id.",
            do="Send this photo under an id of its own.",
            stored=first.sha256,
            received=sha256,
        )
    return receipt_for(first)

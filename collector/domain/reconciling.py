"""A phone asks what the server holds of its photos: after a reinstall, a lost answer, or a month in a drawer."""

import dataclasses
import logging
import uuid
from collections.abc import Sequence

from collector.domain.receipts import Receipt
from collector.enums import Held, PhotoState
from collector.models import LostPhoto, Photo, Volunteer

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Asked:
    """One photo that a phone asks after, with what it knows: the digest of its bytes, and a receipt."""

    photo_id: uuid.UUID
    sha256: str = ""
    receipt: Receipt | None = None
    signature: str = ""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the server holds; ``photo`` is the row where it is the volunteer's own."""

    photo_id: uuid.UUID
    held: Held
    photo: Photo | None = None


def reconcile_photos(asked: Sequence[Asked], *, by: Volunteer) -> list[Answer]:
    """Answer for each photo, in the order asked. Two statements, however many there are.

    Another volunteer's photo is ``missing``: sending it gets the answer that every PUT under that id gets, and no
    list of ids can be tried out here that could not be tried there. A receipt of ours for bytes that are not here is
    a loss: it is kept as a LostPhoto and logged as an error, and the phone is asked to send the photo again.
    """
    rows = Photo.objects.defer("scores", "measurements").in_bulk([one.photo_id for one in asked])
    _note_losses([one for one in asked if _is_lost(one, rows.get(one.photo_id))])
    return [_answer(one, rows.get(one.photo_id), by) for one in asked]


def count_losses() -> tuple[int, int]:
    """How many photos were lost, and how many of those their phones have sent again since."""
    lost = LostPhoto.objects.values_list("photo_id", flat=True)
    return lost.count(), Photo.objects.filter(pk__in=lost).count()


def _answer(asked: Asked, row: Photo | None, by: Volunteer) -> Answer:
    if row is None or row.volunteer_id != by.pk:
        return Answer(asked.photo_id, Held.MISSING)
    if row.state == PhotoState.DELETED:
        return Answer(asked.photo_id, Held.DELETED, row)
    known = asked.sha256 or (asked.receipt.sha256 if asked.receipt and _is_ours(asked) else "")
    return Answer(asked.photo_id, Held.OTHER_BYTES if known not in {"", row.sha256} else Held.STORED, row)


def _is_ours(asked: Asked) -> bool:
    return asked.receipt is not None and asked.receipt.is_proven_by(asked.signature)


def _is_lost(asked: Asked, row: Photo | None) -> bool:
    """Whoever asks, and whosever it is now: rows change hands when a guest signs in, and are never removed."""
    if asked.receipt is None or (row is not None and row.state == PhotoState.DELETED):
        return False
    return (row is None or row.sha256 != asked.receipt.sha256) and _is_ours(asked)


def _note_losses(lost: Sequence[Asked]) -> None:
    for one in lost:
        log.error("photo.lost photo=%s receipt=%s", one.photo_id, one.receipt)
    if lost:  # once for each photo, however often its phone asks
        found = [LostPhoto(**_fields(one.receipt)) for one in lost if one.receipt is not None]
        LostPhoto.objects.bulk_create(found, ignore_conflicts=True)


def _fields(receipt: Receipt) -> dict[str, object]:
    fields = dataclasses.asdict(receipt)
    del fields["is_new"]
    return fields

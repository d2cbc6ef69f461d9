"""Receipts: what the server answers for, signed, so that a phone can prove it and the server can find its own losses.

The signature is Django's keyed hash (HMAC-SHA256) with a salt of its own; SECRET_KEY_FALLBACKS keep the receipts of
earlier keys verifiable. It covers the photo's id, its digest, its size and the moment, as the receipt writes them.
"""

import dataclasses
import datetime as dt
import uuid

from django.core.signing import BadSignature, Signer

from collector.models import Photo

SALT = "collector.receipts"


@dataclasses.dataclass(frozen=True)
class Receipt:
    """These bytes and their row are durable since ``received_at``; the same for every request for one photo."""

    photo_id: uuid.UUID
    sha256: str
    size_bytes: int
    received_at: dt.datetime
    is_new: bool = False  # False: this is the first receipt again

    @property
    def signature(self) -> str:
        """By the key of today."""
        return Signer(salt=SALT).signature(self._text)

    def is_proven_by(self, signature: str) -> bool:
        """Whether this server made the signature for exactly this receipt, with its key of today or an earlier one."""
        try:
            Signer(salt=SALT).unsign(f"{self._text}:{signature}")
        except BadSignature:
            return False
        return True

    @property
    def _text(self) -> str:
        # To the millisecond, as JSON says it, else what comes back from a phone would never fit.
        moment = self.received_at.astimezone(dt.UTC).isoformat(timespec="milliseconds")
        return f"{self.photo_id}|{self.sha256}|{self.size_bytes}|{moment}"


def receipt_for(photo: Photo, *, is_new: bool = False) -> Receipt:
    """The receipt of a stored photo."""
    return Receipt(photo.pk, photo.sha256, photo.size_bytes, photo.received_at, is_new)

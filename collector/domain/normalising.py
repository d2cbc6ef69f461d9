"""Photos are normalised exactly once: the job's lease decides who does it, the photo's state whether it counts."""

import logging
import uuid

from django.db import transaction
from django.db.models.functions import Now

from collector.domain import measuring, ordering, photos, stacks
from collector.enums import PhotoState
from collector.models import Photo
from collector.normaliser import sandbox
from collector.normaliser.frames import Unreadable
from collector.normaliser.sandbox import Normalised
from foundation import blobs, jobs

log = logging.getLogger(__name__)

NORMALISE = "collector.normalise_photo"


def normalise_photo(photo_id: uuid.UUID) -> bool:
    """Make the normalised photo and its thumbnail, or record why the bytes cannot be read. True if this call did it.

    Safe to call any number of times, from anywhere: a second caller finds the job done or held and returns False.
    What is no fault of the photo (storage away, sandbox unable to start) is raised, with the job back in the queue.
    """
    lease = jobs.claim(NORMALISE, str(photo_id))
    if lease is None:
        return False
    try:
        with jobs.holding(lease):
            return _normalise(lease, photo_id)
    except jobs.LeaseLost:
        log.warning("photo.went_to_another_worker photo=%s", photo_id)
        return False


def record_normalised(lease: jobs.Lease, photo_id: uuid.UUID, made: Normalised) -> bool:
    """Store the pixels, then the row that names them. False if the owner erased the photo meanwhile.

    Raises LeaseLost where somebody else took over.
    """
    jobs.extend(lease)  # whoever lost the job must not write over what the new owner made
    blobs.write(photos.normalised_key(photo_id), made.jpeg)
    blobs.write(photos.thumbnail_key(photo_id), made.thumbnail)
    with transaction.atomic():
        photo = Photo.objects.select_related("challenge", "claimed_label").get(pk=photo_id)
        place = stacks.find_place(photo, made.look64)
        moved = _leave_received(
            photo_id,
            state=PhotoState.AWAITING_REVIEW,
            normalised_sha256=made.sha256,
            normalised_at=Now(),
            width=made.width,
            height=made.height,
            look_hash=made.look_hash,
            look64=made.look64,
            measurements=made.measurements,
            remarks=measuring.remark(made.measurements, photo.challenge),
            stack=place.stack,
            **ordering.rate(photo, place.nearest),
        )
        if moved and place.stack != photo_id:
            stacks.promote([photo_id])
        jobs.finish(lease)  # or LeaseLost, and nothing of this is written
    return moved or _forget_erased(photo_id)


def record_unreadable(lease: jobs.Lease, photo_id: uuid.UUID, reason: str) -> bool:
    """Record that no decoder can make sense of the bytes, in a sentence for the owner. False as above."""
    with transaction.atomic():
        moved = _leave_received(photo_id, state=PhotoState.UNREADABLE, unreadable_reason=reason)
        jobs.finish(lease)  # or LeaseLost, and nothing of this is written
    return moved or _forget_erased(photo_id)


def _normalise(lease: jobs.Lease, photo_id: uuid.UUID) -> bool:
    state, sha256 = Photo.objects.values_list("state", "sha256").get(pk=photo_id)
    if state != PhotoState.RECEIVED:
        jobs.finish(lease)
        return False
    original = blobs.read(photos.original_key(photo_id, sha256))
    try:
        made = sandbox.normalise(original)
    except Unreadable as verdict:
        return record_unreadable(lease, photo_id, str(verdict))
    return record_normalised(lease, photo_id, made)


def _leave_received(photo_id: uuid.UUID, **values: object) -> bool:
    return bool(Photo.objects.filter(pk=photo_id, state=PhotoState.RECEIVED).update(**values))


def _forget_erased(photo_id: uuid.UUID) -> bool:
    erased = Photo.objects.filter(pk=photo_id, state=PhotoState.DELETED).first()
    if erased is not None:  # its bytes were deleted before ours were written
        photos.delete_bytes(erased)
    return False

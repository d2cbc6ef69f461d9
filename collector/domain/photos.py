"""Photos after they arrived: where their bytes lie, who may see them, and how they go away."""

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from collector.domain import histories, projects, stacks, suspicions, words
from collector.enums import DeletionCause, PhotoState, RejectReason, ReviewAction
from collector.models import Photo, Project, Review, Volunteer
from foundation import blobs, jobs
from foundation.models import User
from foundation.problems import Problem

log = logging.getLogger(__name__)

ERASE = "collector.erase_photo"
CLAIMED = F("claimed_label")  # what the volunteer said it shows
NOTHING: dict[str, Any] = {  # what stays of an erased photo, besides its id and its history
    "unreadable_reason": "",
    "look_hash": "",
    "look64": None,
    "measurements": {},
    "remarks": [],
    "captured_at": None,
    "release": "",
    "scores": {},
    "is_gold": False,
    "is_disputed": False,
    "decided_by": None,
}


# --- where the bytes lie: under the photo's own id, so that erasing one photo can never touch another's ------------
def original_key(photo_id: uuid.UUID, sha256: str) -> str:
    """Key of the bytes as they came. Private: only the normaliser reads it.

    It ends in the digest, so two requests that race for one id with different bytes never write to the same place,
    and the bytes can be made durable before the row that names them.
    """
    return f"photos/{photo_id}/original-{sha256}"


def normalised_key(photo_id: uuid.UUID) -> str:
    """Key of the upright sRGB JPEG, long side at most 1600 pixels: what reviewers see and trainers read."""
    return f"photos/{photo_id}/normalised.jpg"


def thumbnail_key(photo_id: uuid.UUID) -> str:
    """Key of the JPEG for lists, long side at most 320 pixels."""
    return f"photos/{photo_id}/thumbnail.jpg"


# --- finding -------------------------------------------------------------------------------------------------------
def get_photo_for(volunteer: Volunteer, photo_id: uuid.UUID) -> Photo:
    """The volunteer's own photo, erased ones too. For anybody else's raise Problem ``unknown-photo``."""
    found = Photo.objects.filter(pk=photo_id, volunteer=volunteer).select_related("project", "label", "claimed_label")
    photo = found.first()
    if photo is None:
        raise unknown_photo(photo_id)
    return photo


def get_viewable_photo(photo_id: uuid.UUID, *, user: User | AnonymousUser, volunteer: Volunteer | None = None) -> Photo:
    """The photo, if this person may look at it: its owner or a reviewer of its project.

    Everybody else, and everybody once it is erased, gets Problem ``unknown-photo``.
    """
    photo = Photo.objects.exclude(state=PhotoState.DELETED).filter(pk=photo_id).select_related("project").first()
    if photo is None:
        raise unknown_photo(photo_id)
    is_owner = volunteer is not None and photo.volunteer_id == volunteer.pk
    if not is_owner and isinstance(user, User) and user.is_active:
        is_owner = Volunteer.objects.filter(pk=photo.volunteer_id, user=user).exists()
    if not (is_owner or projects.can_review(photo.project, user)):
        raise unknown_photo(photo_id)
    return photo


def accepted_photos(project: Project) -> QuerySet[Photo]:
    """What may be trained on, in a stable order."""
    return Photo.objects.filter(project=project, state=PhotoState.ACCEPTED).order_by("pk")


def are_pixels_judged() -> Exists:
    """For ``annotate``: whether a standing review accepted exactly the pixels that the photo has now."""
    standing = Review.objects.filter(action__in=[ReviewAction.ACCEPT, ReviewAction.RELABEL], undone_by=None)
    return Exists(standing.filter(photo=OuterRef("pk"), normalised_sha256=OuterRef("normalised_sha256")))


def model_guess(photo: Photo) -> tuple[str, float] | None:
    """What the model on the phone took the photo for: the likeliest label's slug and its share; None if unknown."""
    if not photo.scores:
        return None
    slug, share = max(photo.scores.items(), key=lambda pair: (pair[1], pair[0]))
    return slug, share


def erased_photos(project: Project) -> QuerySet[Photo]:
    """What may not be used any more, for whatever reason, in a stable order. It only ever grows."""
    return Photo.objects.filter(project=project, state=PhotoState.DELETED).order_by("pk")


def find_reason(photo: Photo) -> str:
    """The standing reason for which reviewers rejected a photo; empty where there is none."""
    if photo.state == PhotoState.DELETED:
        return RejectReason.PRIVACY if photo.deleted_because == DeletionCause.PRIVACY else ""
    if photo.state != PhotoState.REJECTED:
        return ""
    rejection = histories.standing_rejection(photo)
    return rejection.reason if rejection else ""


def say_reason(photo: Photo) -> str:
    """Why a photo cannot be used, in words for its owner; empty where nothing is wrong."""
    return photo.unreadable_reason or words.say(find_reason(photo))


def unknown_photo(photo_id: uuid.UUID) -> Problem:
    """The one answer for a photo that is not there and for one that is none of your business."""
    return Problem("unknown-photo", 404, f"There is no photo {photo_id} of yours.", do="Check the photo's id.")


# --- going away ----------------------------------------------------------------------------------------------------
def delete_photo(volunteer: Volunteer, photo_id: uuid.UUID) -> None:
    """Erase the volunteer's photo for ever. A row without content stays, so that a late upload cannot bring it back.

    Repeating it is fine. Raises Problem ``unknown-photo``. The job that is added with the change of state erases the
    bytes even if this process dies before it has done so itself.
    """
    photo = get_photo_for(volunteer, photo_id)
    with transaction.atomic():
        mark_erased([photo.pk], DeletionCause.OWNER)
    erase_soon([photo.pk])


def mark_erased(ids: Sequence[uuid.UUID], cause: DeletionCause) -> None:
    """Hide photos from everybody in the caller's transaction, and add the jobs that delete their bytes."""
    for photo_id in mark_deleted(Photo.objects.filter(pk__in=ids), cause):
        jobs.add(ERASE, str(photo_id))


def erase_soon(ids: Iterable[uuid.UUID]) -> None:
    """Delete the bytes of photos marked before, now if the storage lets us: nobody can see them any more anyway."""
    for photo_id in ids:
        try:
            erase_photo(photo_id)
        except Exception:  # whatever the storage says, the job tries again
            log.exception("photo.not_erased_yet photo=%s", photo_id)


def mark_deleted(found: QuerySet[Photo], cause: DeletionCause) -> list[uuid.UUID]:
    """Make these photos rows without content, which nobody sees any more, and return the ids of those that were not.

    Call it in the transaction that adds the job which deletes the bytes. Rows are locked in the order of their ids.
    """
    left = found.exclude(state=PhotoState.DELETED).order_by("pk").select_for_update(no_key=True, of=("self",))
    stacks.lock(found.values_list("pk", flat=True))
    ids = list(left.values_list("pk", flat=True))
    gone = {"state": PhotoState.DELETED, "deleted_because": cause, "deleted_at": Now()}
    Photo.objects.filter(pk__in=ids).update(**gone, **NOTHING)
    suspicions.forget(ids)
    stacks.promote(ids)
    return ids


def erase_photo(photo_id: uuid.UUID) -> bool:
    """Delete every byte of a photo whose state is ``deleted``. False if the job is done or held by somebody else."""
    lease = jobs.claim(ERASE, str(photo_id))
    if lease is None:
        return False
    with jobs.holding(lease):
        delete_bytes(Photo.objects.get(pk=photo_id, state=PhotoState.DELETED))
        jobs.finish(lease)
    return True


def delete_bytes(photo: Photo) -> None:
    """Delete the original and all that was made of it; what is missing is fine."""
    for key in (original_key(photo.pk, photo.sha256), normalised_key(photo.pk), thumbnail_key(photo.pk)):
        blobs.delete(key)
    Photo.objects.filter(pk=photo.pk, original_deleted_at=None).update(original_deleted_at=Now())


def delete_originals() -> int:
    """Delete the originals older than ORIGINAL_DAYS, and return how many. What waits for the normaliser stays."""
    age = dt.timedelta(days=settings.ORIGINAL_DAYS)
    old = Photo.objects.filter(~Q(state=PhotoState.RECEIVED), original_deleted_at=None, received_at__lt=Now() - age)
    count = 0
    for photo_id, sha256 in old.values_list("pk", "sha256").iterator(chunk_size=1000):
        blobs.delete(original_key(photo_id, sha256))
        count += Photo.objects.filter(pk=photo_id, original_deleted_at=None).update(original_deleted_at=Now())
    return count

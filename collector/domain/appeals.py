"""A volunteer may ask to look again at a rejected photo: once for each rejection. A lead answers by deciding anew."""

import uuid

from collector.domain import histories, photos
from collector.enums import PhotoState
from collector.models import Appeal, Photo, Volunteer
from foundation.problems import Problem


def appeal(volunteer: Volunteer, photo_id: uuid.UUID, text: str = "") -> Appeal:
    """Ask to look again. Asking twice is fine: the first appeal counts.

    Raises Problem ``unknown-photo`` or ``nothing-to-appeal``.
    """
    photo = photos.get_photo_for(volunteer, photo_id)
    rejection = histories.standing_rejection(photo) if photo.state == PhotoState.REJECTED else None
    if rejection is None:
        raise Problem(
            "nothing-to-appeal",
            409,
            "This photo is not rejected, so there is nothing to look at again.",
            do="Ask after the photo to see how it is doing.",
            state=photo.state,
        )
    made, _ = Appeal.objects.get_or_create(review=rejection, defaults={"photo": photo, "text": text.strip()})
    return made


def find_answer(photo: Photo) -> str | None:
    """``open``, ``upheld`` or ``accepted``; None where nobody appealed."""
    newest = latest_appeal(photo)
    return (newest.answer or "open") if newest else None


def latest_appeal(photo: Photo) -> Appeal | None:
    """The photo's newest appeal, answered or not."""
    return photo.appeals.order_by("-pk").first()

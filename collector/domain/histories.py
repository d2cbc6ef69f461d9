"""What still holds of the history: decisions that nobody took back."""

from django.db.models import QuerySet

from collector.enums import ReviewAction
from collector.models import Photo, Review


def standing_reviews() -> QuerySet[Review]:
    """Every decision that was not taken back, on whatever photo."""
    return Review.objects.filter(undone_by=None).exclude(action=ReviewAction.UNDO)


def standing_rejection(photo: Photo) -> Review | None:
    """The decision that rejected the photo and still stands."""
    return photo.reviews.filter(action=ReviewAction.REJECT, undone_by=None).order_by("-pk").first()

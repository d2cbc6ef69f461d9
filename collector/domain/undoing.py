"""Taking decisions back. History is only added to: an undo is a row of its own that points to what it takes back."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from collector.domain import opinions, photos, projects, stacks
from collector.enums import PhotoState, ReviewAction
from collector.models import Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem

STATES = {
    ReviewAction.ACCEPT: PhotoState.ACCEPTED,
    ReviewAction.RELABEL: PhotoState.ACCEPTED,
    ReviewAction.REJECT: PhotoState.REJECTED,
}


@dataclass(frozen=True)
class Past:
    """A decision that can still be taken back, and words for it."""

    decision: uuid.UUID
    words: str


def undo(project: Project, decision: uuid.UUID, *, by: User) -> list[Photo]:
    """Take a decision of this reviewer back and return its photos, which wait again under their volunteers' labels.

    Taking it back twice is fine. Photos that are erased stay erased, and what was decided anew since stays decided.
    Raises Problem ``unknown-decision``.
    """
    projects.require_reviewer(project, by)
    with transaction.atomic():
        mine = Review.objects.filter(decision=decision, reviewer=by, photo__project=project)
        taken = list(mine.exclude(action=ReviewAction.UNDO).select_related("undone_by").order_by("photo_id"))
        given = opinions.take_back(project, decision, by=by)
        if not taken and not given:
            raise Problem(
                "unknown-decision",
                404,
                "There is no such decision of yours.",
                do="Reload the page to see where you are.",
            )
        reopen(project, [review for review in taken if not hasattr(review, "undone_by")], by=by)
    ids = [*(review.photo_id for review in taken), *given]
    found = Photo.objects.filter(pk__in=ids).exclude(state=PhotoState.DELETED)
    return list(found.select_related(*opinions.SHOWN).prefetch_related("challenge__conditions").order_by("pk"))


def past(project: Project, *, by: User, limit: int = 30) -> list[Past]:
    """A reviewer's newest decisions that stand, oldest of them first: what undo can reach after a reload."""
    mine = Review.objects.filter(reviewer=by, photo__project=project, undone_by=None).exclude(action=ReviewAction.UNDO)
    standing = mine.filter(photo__state__in=set(STATES.values())).select_related("label").order_by("-created_at")
    found: dict[uuid.UUID, list[Review]] = defaultdict(list)
    for review in standing[: limit * 4]:
        found[review.decision].append(review)
    return [Past(decision, _words(reviews)) for decision, reviews in list(found.items())[:limit]][::-1]


def reopen(project: Project, reviews: Iterable[Review], *, by: User) -> list[uuid.UUID]:
    """Let photos wait again whose decisions are taken back, in the caller's transaction; returns which did.

    A photo that is not as its review left it (erased, decided anew, taken back by somebody else) stays as it is.
    """
    by_photo = {review.photo_id: review for review in reviews}
    stacks.lock(by_photo)
    locked = Photo.objects.select_for_update(no_key=True).filter(project=project, pk__in=by_photo).order_by("pk")
    ready = [photo for photo in locked if photo.state == STATES.get(ReviewAction(by_photo[photo.pk].action))]
    gone = set(Review.objects.filter(undoes__in=list(by_photo.values())).values_list("undoes", flat=True))
    undone = [by_photo[photo.pk] for photo in ready if by_photo[photo.pk].pk not in gone]
    one = uuid.uuid4()
    Review.objects.bulk_create(
        Review(
            photo_id=review.photo_id,
            reviewer=by,
            action=ReviewAction.UNDO,
            decision=one,
            normalised_sha256=review.normalised_sha256,
            undoes=review,
        )
        for review in undone
    )
    ids = [review.photo_id for review in undone]
    Photo.objects.filter(pk__in=ids).update(
        state=PhotoState.AWAITING_REVIEW,
        label=photos.CLAIMED,
        condition_holds=None,
        is_gold=False,
        is_disputed=False,
    )
    stacks.promote(ids)
    return ids


def _words(reviews: Sequence[Review]) -> str:
    if len(reviews) > 1:
        return f"{len(reviews)} photos."
    [review] = reviews
    if review.action == ReviewAction.REJECT:
        return f"Rejected: {review.get_reason_display()}."
    return f"Accepted as {review.label}."

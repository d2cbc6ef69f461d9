"""Taking decisions back. History is only added to: an undo is a row of its own that points to what it takes back."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q

from collector.domain import histories, opinions, photos, projects, stacks
from collector.enums import DECIDED, PhotoState, RejectReason, ReviewAction
from collector.models import Opinion, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem

READ_PER_DECISION = 20  # rows: of decisions on whole screens, fewer of them are reached
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
    """Take a decision of this reviewer back and return those of its photos that wait again, under the claimed label.

    Taking it back twice is fine. Photos that are erased stay erased, and what was decided anew since stays decided.
    Raises Problem ``unknown-decision``.
    """
    projects.require_reviewer(project, by)
    with transaction.atomic():
        mine = Review.objects.filter(decision=decision, reviewer=by, photo__project=project)
        taken = list(mine.exclude(action=ReviewAction.UNDO).select_related("undone_by").order_by("photo_id"))
        opinions_on = Opinion.objects.filter(decision=decision, reviewer=by, photo__project=project)
        given = list(opinions_on.values_list("photo_id", flat=True))
        if not taken and not given:
            raise Problem(
                "unknown-decision",
                404,
                "There is no such decision of yours.",
                do="Reload the page to see where you are.",
            )
        ids = [*(review.photo_id for review in taken), *given]
        if given:
            stacks.lock(ids)  # all at once: one after the other could wait in a circle
            opinions.take_back(decision, given, by=by)
        reopen(project, [review for review in taken if not hasattr(review, "undone_by")], by=by)
    asked = Q(pk__in=given, state__in=DECIDED)
    found = Photo.objects.filter(Q(state=PhotoState.AWAITING_REVIEW) | asked, pk__in=ids)
    return list(found.select_related(*opinions.SHOWN).prefetch_related("challenge__conditions").order_by("pk"))


def past(project: Project, *, by: User, limit: int = 30) -> list[Past]:
    """A reviewer's newest decisions that stand, oldest of them first: what undo can reach after a reload."""
    mine = histories.standing_reviews().filter(reviewer=by, photo__project=project)
    standing = mine.filter(photo__state__in=DECIDED)
    newest = standing.order_by("-created_at", "-pk").values_list("decision", "action", "reason", "label__name")
    words: dict[uuid.UUID, str] = {}
    for decision, action, reason, label in newest[: limit * READ_PER_DECISION]:
        words.setdefault(decision, _words(action, reason, label))
    found = list(words)[:limit]
    sizes = dict(standing.filter(decision__in=found).values_list("decision").annotate(size=Count("pk")).order_by())
    many = {decision: f"{size} photos." for decision, size in sizes.items() if size > 1}
    return [Past(decision, many.get(decision, words[decision])) for decision in reversed(found)]


def reopen(project: Project, reviews: Iterable[Review], *, by: User) -> list[uuid.UUID]:
    """Let photos wait again whose decisions are taken back, in the caller's transaction; returns which did.

    A photo that is not as its review left it (erased, decided anew, taken back by somebody else) stays as it is.
    """
    by_photo = {review.photo_id: review for review in reviews}
    if not by_photo:
        return []
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
        decided_by=None,
        is_gold=False,
        is_disputed=False,
    )
    stacks.promote(ids)
    return ids


def _words(action: str, reason: str, label: str | None) -> str:
    if action == ReviewAction.REJECT:
        return f"Rejected: {RejectReason(reason).label}."
    return f"Accepted as {label}."

"""Decisions as the review page sends them: one after the other, and again when the answer got lost on the way."""

import uuid
from dataclasses import dataclass
from http import HTTPStatus

from collector.domain import photos, reviews
from collector.enums import PhotoState, ReviewAction
from collector.models import Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem


@dataclass(frozen=True)
class Decision:
    """What a reviewer decided. An undo without a photo takes back whatever was decided last."""

    action: ReviewAction
    photo_id: uuid.UUID | None = None
    reason: str = ""
    label: str = ""


def take_decision(project: Project, decision: Decision, *, by: User) -> Photo | None:
    """Record the decision, or notice that exactly this one is recorded already, and return the photo.

    None only for an undo where nothing is left to undo. Raises the problems of ``reviews``, and ``unknown-photo`` for
    a photo of another project.
    """
    try:
        return _take(project, decision, by)
    except Problem as problem:
        recorded = _find_recorded(decision, by) if problem.status == HTTPStatus.CONFLICT else None
        if recorded is None:
            raise
        return recorded.photo


def _take(project: Project, decision: Decision, by: User) -> Photo | None:
    if decision.action == ReviewAction.UNDO:
        return reviews.undo_last(project, by=by, photo_id=decision.photo_id)
    if decision.photo_id is None or not Photo.objects.filter(pk=decision.photo_id, project=project).exists():
        raise photos.unknown_photo(decision.photo_id or uuid.UUID(int=0))
    match decision.action:
        case ReviewAction.ACCEPT:
            return reviews.accept_photo(decision.photo_id, by=by)
        case ReviewAction.RELABEL:
            return reviews.relabel_photo(decision.photo_id, by=by, label=decision.label)
        case _:
            return reviews.reject_photo(decision.photo_id, by=by, reason=decision.reason)


def _find_recorded(decision: Decision, by: User) -> Review | None:
    """The newest review of the photo, if it is this very decision: then it is a repeat, not a conflict."""
    last = Review.objects.filter(photo=decision.photo_id).select_related("photo", "label").order_by("-pk").first()
    if last is None or last.reviewer_id != by.pk or last.action != decision.action:
        return None
    if last.action == ReviewAction.UNDO:
        same = last.photo.state == PhotoState.AWAITING_REVIEW
    elif last.action == ReviewAction.RELABEL:
        same = last.label is not None and last.label.slug == decision.label
    else:
        same = last.reason == decision.reason
    return last if same else None

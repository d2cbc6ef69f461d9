"""Decisions on photos: append-only rows, and one conditional update each, so that two reviewers cannot both decide."""

import uuid
from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet

from collector.domain import photos, projects
from collector.enums import LabelState, PhotoState, RejectReason, ReviewAction
from collector.models import Label, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem

DECIDED = {
    ReviewAction.ACCEPT: PhotoState.ACCEPTED,
    ReviewAction.RELABEL: PhotoState.ACCEPTED,
    ReviewAction.REJECT: PhotoState.REJECTED,
}


def accept_photo(photo_id: uuid.UUID, *, by: User) -> Photo:
    """Accept the photo under the label it has. Raises Problem ``already-reviewed``, ``label-missing``, ..."""
    photo = _get(photo_id, by)
    if photo.label is None:
        raise Problem(
            "label-missing", 400, "This photo has no label yet.", do="Choose a label; that accepts it as well."
        )
    _require_not_retired(photo.label)
    return _decide(photo, by=by, action=ReviewAction.ACCEPT, label=photo.label)


def relabel_photo(photo_id: uuid.UUID, *, by: User, label: str) -> Photo:
    """Accept the photo under another label of its project, given as its slug."""
    photo = _get(photo_id, by)
    chosen = projects.get_label(photo.project, label)
    _require_not_retired(chosen)
    return _decide(photo, by=by, action=ReviewAction.RELABEL, label=chosen)


def reject_photo(photo_id: uuid.UUID, *, by: User, reason: str) -> Photo:
    """Reject the photo for one of the fixed reasons."""
    photo = _get(photo_id, by)
    if reason not in RejectReason.values:
        raise Problem(
            "unknown-reason",
            400,
            f"There is no reason '{reason}' to reject a photo.",
            allowed=", ".join(RejectReason.values),
            do="Use one of these.",
        )
    return _decide(photo, by=by, action=ReviewAction.REJECT, label=photo.label, reason=reason)


def undo_last(project: Project, *, by: User, photo_id: uuid.UUID | None = None) -> Photo | None:
    """Take back this reviewer's newest decision in the project and return the photo, or None if none is left.

    ``photo_id`` says which photo that must be: Problem ``not-the-last-decision`` where it is another one.

    The photo waits for review again, under the label its volunteer gave. Erased photos are passed over.
    Raises Problem ``already-undone`` where another window was faster.
    """
    projects.require_reviewer(project, by)
    last = _standing(project, by).select_related("photo").first()
    if photo_id is not None and (last is None or last.photo_id != photo_id):
        raise Problem(
            "not-the-last-decision",
            409,
            "This is not the photo you decided on last, so its decision was not taken back.",
            do="Reload the page, then undo once more.",
        )
    if last is None:
        return None
    photo = last.photo
    try:
        with transaction.atomic():
            seen = last.normalised_sha256
            Review.objects.create(
                photo=photo, reviewer=by, action=ReviewAction.UNDO, normalised_sha256=seen, undoes=last
            )
            _reopen(photo, left=DECIDED[ReviewAction(last.action)])
    except IntegrityError as error:  # the database allows one undo of one review
        raise _already_undone() from error
    photo.refresh_from_db()
    return photo


def queue(project: Project, after: uuid.UUID | None = None, limit: int = 20) -> list[Photo]:
    """The next photos to review, oldest first; ``after`` is the id of the last one seen, reviewed meanwhile or not."""
    waiting = awaiting_review(project).select_related("label", "challenge", "volunteer")
    seen = after and Photo.objects.filter(pk=after, project=project).values_list("received_at", flat=True).first()
    if seen is not None:
        # The first condition alone lets the index skip there; the second makes it exact.
        waiting = waiting.filter(received_at__gte=seen).filter(Q(received_at__gt=seen) | Q(pk__gt=after))
    return list(waiting[:limit])


def awaiting_review(project: Project) -> QuerySet[Photo]:
    """All photos that wait for a decision, oldest first."""
    return Photo.objects.filter(project=project, state=PhotoState.AWAITING_REVIEW).order_by("received_at", "pk")


def count_waiting(mine: Iterable[Project]) -> dict[int, int]:
    """How many photos wait in each project, by its id, in one query; a project where none waits is left out."""
    waiting = Photo.objects.filter(project__in=list(mine), state=PhotoState.AWAITING_REVIEW).order_by()
    return dict(waiting.values_list("project_id").annotate(count=Count("pk")))


def _get(photo_id: uuid.UUID, by: User) -> Photo:
    photo = Photo.objects.filter(pk=photo_id).select_related("project", "label").first()
    if photo is None or not projects.can_review(photo.project, by):
        raise photos.unknown_photo(photo_id)
    return photo


def _decide(photo: Photo, *, by: User, action: ReviewAction, label: Label | None, reason: str = "") -> Photo:
    with transaction.atomic():
        waiting = Photo.objects.filter(pk=photo.pk, state=PhotoState.AWAITING_REVIEW)
        # The digest is part of the condition: what the reviewer saw is what the decision is about.
        if waiting.filter(normalised_sha256=photo.normalised_sha256).update(state=DECIDED[action], label=label):
            seen = photo.normalised_sha256
            Review.objects.create(
                photo=photo, reviewer=by, action=action, reason=reason, label=label, normalised_sha256=seen
            )
            photo.state, photo.label = DECIDED[action], label
            return photo
    raise _not_waiting(photo)


def _reopen(photo: Photo, *, left: PhotoState) -> None:
    decided = Photo.objects.filter(pk=photo.pk, state=left)
    if not decided.update(state=PhotoState.AWAITING_REVIEW, label_id=photo.claimed_label_id):
        raise _already_undone()


def _already_undone() -> Problem:
    return Problem(
        "already-undone", 409, "This decision was already taken back.", do="Reload the page to see where you are."
    )


def _not_waiting(photo: Photo) -> Problem:
    photo.refresh_from_db()
    last = photo.reviews.exclude(action=ReviewAction.UNDO).select_related("reviewer", "label").order_by("-pk").first()
    if last is None or photo.state not in {PhotoState.ACCEPTED, PhotoState.REJECTED}:
        return Problem(
            "not-awaiting-review",
            409,
            f"This photo cannot be reviewed: it is {PhotoState(photo.state).label.lower()}.",
            do="Go on with the next photo.",
            state=photo.state,
        )
    done = {"accept": "accepted", "relabel": "relabelled", "reject": "rejected"}[last.action]
    what = last.get_reason_display() if last.action == ReviewAction.REJECT else last.label
    return Problem(
        "already-reviewed",
        409,
        f"{last.reviewer} has already {done} this photo ({what}).",
        do="Go on with the next photo.",
        state=photo.state,
    )


def _standing(project: Project, by: User) -> QuerySet[Review]:
    """The reviewer's decisions that still hold, newest first."""
    mine = Review.objects.filter(reviewer=by, photo__project=project, undone_by=None).exclude(action=ReviewAction.UNDO)
    return mine.exclude(photo__state=PhotoState.DELETED).order_by("-pk")


def _require_not_retired(label: Label) -> None:
    if label.state == LabelState.RETIRED:
        raise Problem(
            "retired-label", 400, f"The label '{label}' is retired.", do="Choose another label, or reject the photo."
        )

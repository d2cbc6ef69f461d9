"""One photo at a time: what imports, tests and scripts use; the page decides on many (see decisions.py)."""

import uuid

from collector.domain import decisions, histories, photos, projects, undoing
from collector.domain.decisions import Verdict
from collector.enums import PhotoState, ReviewAction
from collector.models import Photo, Project
from foundation.models import User


def accept_photo(photo_id: uuid.UUID, *, by: User, condition_holds: bool = True) -> Photo:
    """Accept the photo under the label it has. Raises Problem ``already-reviewed``, ``label-missing``, ..."""
    return _decide(Verdict(photo_id, ReviewAction.ACCEPT, condition_holds=condition_holds), by)


def relabel_photo(photo_id: uuid.UUID, *, by: User, label: str) -> Photo:
    """Accept the photo under another label of its project, given as its slug."""
    return _decide(Verdict(photo_id, ReviewAction.RELABEL, label=label), by)


def reject_photo(photo_id: uuid.UUID, *, by: User, reason: str) -> Photo:
    """Reject the photo for one of the fixed reasons."""
    return _decide(Verdict(photo_id, ReviewAction.REJECT, reason=reason), by)


def undo_last(project: Project, *, by: User) -> Photo | None:
    """Take back this reviewer's newest decision in the project and return its photo, or None if none is left."""
    mine = histories.standing_reviews().filter(reviewer=by, photo__project=project)
    last = mine.exclude(photo__state=PhotoState.DELETED).order_by("-pk").first()
    waiting = undoing.undo(project, last.decision, by=by) if last else []
    return waiting[0] if waiting else None


def _decide(verdict: Verdict, by: User) -> Photo:
    photo = Photo.objects.filter(pk=verdict.photo).select_related("project").first()
    if photo is None or not projects.can_review(photo.project, by):
        raise photos.unknown_photo(verdict.photo)
    [outcome] = decisions.decide(photo.project, uuid.uuid4(), [verdict], by=by)
    if outcome.problem is not None or outcome.photo is None:
        raise outcome.problem or photos.unknown_photo(verdict.photo)
    return outcome.photo

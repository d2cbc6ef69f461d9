"""Decisions on photos. One press of a key is one decision, on one photo, a stack of them or a whole screen.

A decision has an id that the reviewer's page chose: sent twice it is taken once. Each photo in it is decided on its own
account, so that one that somebody else was quicker with does not hold up the others. The rows of the photos are locked
in order, what is no longer waiting is left alone, and history is only ever added to.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models.functions import Now

from collector.domain import opinions, photos, projects, refusals, stacks, undoing
from collector.domain.undoing import STATES
from collector.enums import AppealAnswer, DeletionCause, LabelState, PhotoState, RejectReason, ReviewAction, Role
from collector.models import Appeal, Challenge, Hold, Label, Opinion, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem

MOST = 500  # photos in one decision
ANSWERS = {PhotoState.ACCEPTED: AppealAnswer.ACCEPTED, PhotoState.REJECTED: AppealAnswer.UPHELD}


@dataclass(frozen=True)
class Verdict:
    """What a reviewer says about one photo, and about those of its stack that the page named with it."""

    photo: uuid.UUID
    action: ReviewAction
    label: str = ""  # slug, for relabel
    reason: str = ""  # for reject
    condition_holds: bool = True  # the photo shows the circumstances its challenge asked for
    also: tuple[uuid.UUID, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one verdict: its photo as it is now, or the problem."""

    verdict: Verdict
    photo: Photo | None = None
    problem: Problem | None = None


@dataclass
class _Work:
    """What one decision does, gathered before anything is written."""

    decision: uuid.UUID
    by: User
    locked: dict[uuid.UUID, Photo]
    asked: set[int]  # challenges that ask for a condition
    moves: dict[tuple[PhotoState, int | None, bool | None], list[uuid.UUID]] = field(
        default_factory=lambda: defaultdict(list)
    )
    reviews: list[Review] = field(default_factory=list)
    private: list[Photo] = field(default_factory=list)


def decide(
    project: Project, decision: uuid.UUID, verdicts: Sequence[Verdict], *, by: User, again: bool = False
) -> list[Outcome]:
    """Take a decision, or notice that it was taken before; one outcome a verdict, in their order.

    ``again``: a lead decides anew on photos that are decided: disputed, appealed, or seen by chance.
    Raises Problem ``not-a-reviewer``, ``not-a-lead`` or ``too-many-photos``; what is wrong with one verdict is in its
    outcome.
    """
    projects.require_role(project, by, Role.LEAD if again else Role.REVIEWER)
    ids = {photo for verdict in verdicts for photo in (verdict.photo, *verdict.also)}
    if len(ids) > MOST:
        raise Problem(
            "too-many-photos",
            400,
            f"One decision was to be about {len(ids)} photos.",
            allowed=f"At most {MOST}.",
            do="Decide on fewer at a time.",
        )
    labels = {label.slug: label for label in project.labels.all()}
    with transaction.atomic():
        work = _lock(project, decision, ids, by)
        done = dict(Review.objects.filter(decision=decision, reviewer=by).values_list("photo_id", "action"))
        asked = {opinion.photo_id: opinion for opinion in opinions.awaited(by, ids)}
        if again:
            _open_again(project, work, set(done))
        outcomes = [_judge(verdict, work, labels, done, asked) for verdict in verdicts]
        _write(work)
    photos.erase_soon(work.private)
    return [_with_problem(outcome) for outcome in outcomes]


def _lock(project: Project, decision: uuid.UUID, ids: Iterable[uuid.UUID], by: User) -> _Work:
    # In the order of their ids, so that two decisions on the same photos wait for each other instead of for ever.
    stacks.lock(ids)
    rows = Photo.objects.select_for_update(no_key=True, of=("self",)).filter(project=project, pk__in=ids)
    locked = {photo.pk: photo for photo in rows.select_related("label").order_by("pk")}
    through = Challenge.conditions.through.objects
    challenges = {photo.challenge_id for photo in locked.values()} - {None}
    asked = set(through.filter(challenge__in=challenges).values_list("challenge_id", flat=True))
    return _Work(decision, by, locked, asked)


def _open_again(project: Project, work: _Work, done: set[uuid.UUID]) -> None:
    """Take the standing decisions back first; each photo keeps, for this decision, the label it was seen with."""
    decided = [one for one in work.locked.values() if one.state in STATES.values() and one.pk not in done]
    standing = Review.objects.filter(photo__in=decided, undone_by=None).exclude(action=ReviewAction.UNDO)
    opened = undoing.reopen(project, standing, by=work.by)
    for photo_id in opened:
        work.locked[photo_id].state = PhotoState.AWAITING_REVIEW


def _judge(
    verdict: Verdict,
    work: _Work,
    labels: Mapping[str, Label],
    done: Mapping[uuid.UUID, str],
    asked: Mapping[uuid.UUID, Opinion],
) -> Outcome:
    photo = work.locked.get(verdict.photo)
    if photo is None:
        return Outcome(verdict, problem=photos.unknown_photo(verdict.photo))
    if photo.pk in done:  # this very decision, sent again
        return Outcome(verdict, photo)
    try:
        label = _label(verdict, photo, labels)
    except Problem as problem:
        return Outcome(verdict, photo, problem)
    if photo.pk in asked and photo.state != PhotoState.AWAITING_REVIEW:
        opinions.record(
            asked[photo.pk],
            photo,
            action=verdict.action,
            label=label,
            reason=verdict.reason,
            decision=work.decision,
        )
        return Outcome(verdict, photo)
    if photo.state != PhotoState.AWAITING_REVIEW:
        return Outcome(verdict, photo, refusals.NOT_WAITING)
    _plan(work, photo, verdict, label)
    for other in (work.locked.get(one) for one in verdict.also):
        if other is not None and other.state == PhotoState.AWAITING_REVIEW and other.pk not in done:
            _plan(work, other, verdict, label if verdict.action == ReviewAction.RELABEL else other.label or label)
    return Outcome(verdict, photo)


def _label(verdict: Verdict, photo: Photo, labels: Mapping[str, Label]) -> Label | None:
    """The label the photo will have. Raises the problem of a verdict that cannot be meant."""
    if verdict.action == ReviewAction.REJECT:
        if verdict.reason not in RejectReason.values:
            raise refusals.unknown_reason(verdict.reason)
        return photo.label
    if verdict.action == ReviewAction.RELABEL:
        label = labels.get(verdict.label)
        if label is None:
            raise refusals.unknown_label(verdict.label, labels)
    else:
        label = photo.label
    if label is None:
        raise refusals.label_missing()
    if label.state == LabelState.RETIRED:
        raise refusals.retired_label(label)
    return label


def _plan(work: _Work, photo: Photo, verdict: Verdict, label: Label | None) -> None:
    state = STATES[verdict.action]
    is_accepted = state == PhotoState.ACCEPTED
    holds = verdict.condition_holds if is_accepted and photo.challenge_id in work.asked else None
    work.reviews.append(
        Review(
            photo=photo,
            reviewer=work.by,
            action=verdict.action,
            reason=verdict.reason if verdict.action == ReviewAction.REJECT else "",
            label=label,
            condition_holds=holds,
            decision=work.decision,
            normalised_sha256=photo.normalised_sha256,
        )
    )
    if verdict.reason == RejectReason.PRIVACY and not is_accepted:
        work.private.append(photo)
        photo.state = PhotoState.DELETED
        return
    work.moves[state, label.pk if label else None, holds].append(photo.pk)
    photo.state, photo.label, photo.condition_holds = state, label, holds


def _write(work: _Work) -> None:
    for (state, label_id, holds), ids in work.moves.items():
        Photo.objects.filter(pk__in=ids).update(state=state, label_id=label_id, condition_holds=holds)
    photos.mark_erased([photo.pk for photo in work.private], DeletionCause.PRIVACY)
    Review.objects.bulk_create(work.reviews)
    decided = [review.photo_id for review in work.reviews]
    stacks.promote(decided)
    Hold.objects.filter(photo__in=decided).delete()
    for state, answer in ANSWERS.items():
        answered = [review.photo_id for review in work.reviews if STATES[ReviewAction(review.action)] == state]
        Appeal.objects.filter(photo__in=answered, answer="").update(
            answer=answer, answered_by=work.by, answered_at=Now()
        )


def _with_problem(outcome: Outcome) -> Outcome:
    """Say who was quicker, which takes a question of its own and is rare."""
    if outcome.problem is not refusals.NOT_WAITING or outcome.photo is None:
        return outcome
    return Outcome(outcome.verdict, outcome.photo, refusals.not_waiting(outcome.photo))

"""Decisions on photos. One press of a key is one decision, on one photo, a stack of them or a whole screen.

A decision has an id that the reviewer's page chose: sent twice it is taken once. Each photo in it is decided on its own
account, so that one that somebody else was quicker with does not hold up the others. The rows of the photos are locked
in order, what is no longer waiting is left alone, and history is only ever added to.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import Case, Value, When
from django.db.models.functions import Now

from collector.domain import histories, holds, opinions, photos, projects, refusals, stacks, suspicions, undoing
from collector.domain.undoing import STATES
from collector.enums import (
    DECIDED,
    AppealAnswer,
    DeletionCause,
    LabelState,
    PhotoState,
    RejectReason,
    ReviewAction,
    Role,
)
from collector.models import Appeal, Challenge, Label, Opinion, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem

MOST = 500  # photos in one decision
# One statement, however many labels a screen of photos shows.
MOVE = """
    UPDATE collector_photo AS photo
    SET state = moved.state, label_id = moved.label, condition_holds = moved.holds, decided_by_id = moved.reviewer
    FROM unnest(%s::uuid[], %s::text[], %s::bigint[], %s::boolean[], %s::bigint[])
        AS moved (id, state, label, holds, reviewer)
    WHERE photo.id = moved.id
"""


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
    conditioned: set[int]  # challenges that ask for a condition
    done: set[uuid.UUID]  # photos that this very decision was taken on before
    awaited: dict[uuid.UUID, Opinion]  # votes this reviewer is asked for that decide nothing
    moved: list[Photo] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    private: list[Photo] = field(default_factory=list)


def decide(
    project: Project, decision: uuid.UUID, verdicts: Sequence[Verdict], *, by: User, again: bool = False
) -> list[Outcome]:
    """Take a decision, or notice that it was taken before; one outcome a verdict, in their order.

    ``again``: a lead decides anew on photos that are decided: disputed, appealed, or seen by chance.
    Raises Problem ``not-a-reviewer``, ``not-a-lead``, ``too-many-photos`` or ``other-decision``; what is wrong with one
    verdict is in its outcome.
    """
    projects.require_role(project, by, Role.LEAD if again else Role.REVIEWER)
    ids = {photo for verdict in verdicts for photo in (verdict.photo, *verdict.also)}
    if len(ids) > MOST:
        raise refusals.too_many_photos(len(ids), MOST)
    labels = {label.slug: label for label in project.labels.all()}
    with transaction.atomic():
        work = _lock(project, decision, ids, by)
        if again:
            _open_again(project, work, verdicts, labels)
        outcomes = [_judge(verdict, work, labels) for verdict in verdicts]
        if work.reviews:
            _write(work)
    photos.erase_soon([photo.pk for photo in work.private])
    return _explain(outcomes)


def _lock(project: Project, decision: uuid.UUID, ids: Iterable[uuid.UUID], by: User) -> _Work:
    # In the order of their ids, so that two decisions on the same photos wait for each other instead of for ever.
    stacks.lock(ids)
    rows = Photo.objects.select_for_update(no_key=True, of=("self",)).filter(project=project, pk__in=ids)
    locked = {photo.pk: photo for photo in rows.select_related("label").order_by("pk")}
    through = Challenge.conditions.through.objects
    challenges = {photo.challenge_id for photo in locked.values()} - {None}
    conditioned = set(through.filter(challenge__in=challenges).values_list("challenge_id", flat=True))
    # Asked only now: whoever sent the same decision at the same time has committed.
    taken = Review.objects.filter(decision=decision, photo__in=locked).values_list("photo_id", "reviewer_id")
    done = dict(taken)
    if set(done.values()) - {by.pk}:
        raise refusals.other_decision()
    asked = opinions.asked(by, locked)
    given = {one.photo_id for one in asked if one.decision == decision}
    awaited = {one.photo_id: one for one in asked if not one.action}
    return _Work(decision, by, locked, conditioned, done.keys() | given, awaited)


def _open_again(project: Project, work: _Work, verdicts: Sequence[Verdict], labels: Mapping[str, Label]) -> None:
    """Take the standing decisions back first; each photo keeps, for this decision, the label it was seen with.

    Only where the new verdict can be taken: a slip must not undo anything.
    """
    meant = {photo.pk for verdict in verdicts for photo in _meant(verdict, work, labels)}
    decided = [pk for pk in meant - work.done if work.locked[pk].state in DECIDED]
    suspicions.settle(decided)
    standing = histories.standing_reviews().filter(photo__in=decided)
    for photo_id in undoing.reopen(project, standing, by=work.by):
        work.locked[photo_id].state = PhotoState.AWAITING_REVIEW


def _meant(verdict: Verdict, work: _Work, labels: Mapping[str, Label]) -> list[Photo]:
    photo = work.locked.get(verdict.photo)
    if photo is None:
        return []
    try:
        _label(verdict, photo, labels)
    except Problem:
        return []
    return [photo, *_members(verdict, photo, work)]


def _members(verdict: Verdict, photo: Photo, work: _Work) -> list[Photo]:
    """Those of the photo's own stack that were named with it; all of them claim its label."""
    named = [work.locked[one] for one in verdict.also if one in work.locked]
    return [one for one in named if one.stack is not None and one.stack == photo.stack]


def _judge(verdict: Verdict, work: _Work, labels: Mapping[str, Label]) -> Outcome:
    photo = work.locked.get(verdict.photo)
    if photo is None:
        return Outcome(verdict, problem=photos.unknown_photo(verdict.photo))
    if photo.pk in work.done:
        return Outcome(verdict, photo)
    try:
        label = _label(verdict, photo, labels)
    except Problem as problem:
        return Outcome(verdict, photo, problem)
    if photo.pk in work.awaited and photo.state in DECIDED:
        opinions.record(
            work.awaited[photo.pk],
            photo,
            action=verdict.action,
            label=label,
            reason=verdict.reason,
            decision=work.decision,
        )
        if _is_private(verdict):  # not a matter of opinion
            _plan(work, photo, verdict, label)
        return Outcome(verdict, photo)
    if photo.state != PhotoState.AWAITING_REVIEW:
        return Outcome(verdict, photo, refusals.NOT_WAITING)
    _plan(work, photo, verdict, label)
    for other in _members(verdict, photo, work):
        if other.state == PhotoState.AWAITING_REVIEW and other.pk not in work.done:
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


def _is_private(verdict: Verdict) -> bool:
    return verdict.action == ReviewAction.REJECT and verdict.reason == RejectReason.PRIVACY


def _plan(work: _Work, photo: Photo, verdict: Verdict, label: Label | None) -> None:
    state = STATES[verdict.action]
    is_accepted = state == PhotoState.ACCEPTED
    holds_true = verdict.condition_holds if is_accepted and photo.challenge_id in work.conditioned else None
    work.reviews.append(
        Review(
            photo=photo,
            reviewer=work.by,
            action=verdict.action,
            reason=verdict.reason if verdict.action == ReviewAction.REJECT else "",
            label=label,
            condition_holds=holds_true,
            decision=work.decision,
            normalised_sha256=photo.normalised_sha256,
        )
    )
    if _is_private(verdict):
        work.private.append(photo)
        photo.state = PhotoState.DELETED
        return
    photo.state, photo.label, photo.condition_holds = state, label, holds_true
    work.moved.append(photo)


def _write(work: _Work) -> None:
    by = work.by.pk
    rows = [(photo.pk, str(photo.state), photo.label_id, photo.condition_holds, by) for photo in work.moved]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(MOVE, [list(column) for column in zip(*rows, strict=True)])
    if work.private:
        photos.mark_erased([photo.pk for photo in work.private], DeletionCause.PRIVACY)
    Review.objects.bulk_create(work.reviews)
    decided = [review.photo_id for review in work.reviews]
    stacks.promote(decided)
    holds.end(decided)
    if not work.awaited.keys().isdisjoint(decided):
        opinions.withdraw(work.by, decided)
    accepted = [photo.pk for photo in work.moved if photo.state == PhotoState.ACCEPTED]
    answer = Case(When(photo__in=accepted, then=Value(AppealAnswer.ACCEPTED)), default=Value(AppealAnswer.UPHELD))
    Appeal.objects.filter(photo__in=decided, answer="").update(answer=answer, answered_by=work.by, answered_at=Now())


def _explain(outcomes: list[Outcome]) -> list[Outcome]:
    """Say who was quicker, in one question for all of them; most decisions need none."""
    late = [one.photo.pk for one in outcomes if one.problem is refusals.NOT_WAITING and one.photo]
    if not late:
        return outcomes
    last = {review.photo_id: review for review in refusals.last_reviews(late)}
    return [
        Outcome(one.verdict, one.photo, refusals.not_waiting(one.photo, last.get(one.photo.pk)))
        if one.problem is refusals.NOT_WAITING and one.photo
        else one
        for one in outcomes
    ]

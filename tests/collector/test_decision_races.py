"""Reviewers at the same time: each photo is decided once, nobody waits for ever, everybody hears what was decided."""

import random
import uuid
from functools import partial

import pytest

from collector.domain import appeals, holds, photos, queues, reviews, undoing
from collector.domain.filters import Filter
from collector.enums import PhotoState
from collector.models import Appeal, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import Phone
from tests.collector.racing import at_once
from tests.collector.reviewing import accept, decide, kinds, reject, shoot, shoot_burst, states, taken

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_same_decision_from_many_threads_is_taken_once(alice: Phone, rosa: User) -> None:
    verdicts, decision = [accept(shoot(alice)), reject(shoot(alice))], uuid.uuid4()
    answers = at_once(*[partial(decide, *verdicts, by=rosa, decision=decision)] * 8)
    assert [kinds(answer) for answer in answers] == [["", ""]] * 8
    assert Review.objects.count() == 2


def test_two_reviewers_on_overlapping_screens_decide_each_photo_once(alice: Phone, rosa: User, vera: User) -> None:
    sent = [shoot(alice) for _ in range(12)]
    for _ in range(5):
        one, other = sent[:8], sent[4:]
        random.shuffle(one)  # screens are ordered as each reviewer likes
        random.shuffle(other)
        mine, theirs = at_once(
            partial(decide, *[accept(photo) for photo in one], by=rosa),
            partial(decide, *[reject(photo) for photo in other], by=vera),
        )
        decided = [outcome for outcome in [*mine, *theirs] if outcome.problem is None]
        late = [outcome.problem for outcome in [*mine, *theirs] if outcome.problem]
        assert sorted(outcome.verdict.photo for outcome in decided) == sorted(photo.pk for photo in sent)
        assert [problem.kind for problem in late] == ["already-reviewed"] * 4
        for review in Review.objects.filter(undone_by=None).exclude(action="undo"):
            undoing.undo(review.photo.project, review.decision, by=review.reviewer)
    assert Review.objects.exclude(action="undo").count() == 5 * len(sent)


def test_page_may_ask_for_more_photos_while_its_decision_is_taken(alice: Phone, rosa: User, notes: Project) -> None:
    sent = [shoot(alice) for _ in range(24)]
    ask = partial(queues.serve, notes, Filter(), by=rosa, limit=24)
    for _ in range(3):
        assert set(ask().photos) == set(sent)  # all are held now: the decision ends what the requests extend
        decision = uuid.uuid4()
        verdicts = [accept(photo) for photo in random.sample(sent, len(sent))]
        first, *_ = at_once(partial(decide, *verdicts, by=rosa, decision=decision), ask, ask, ask)
        assert kinds(first) == [""] * len(sent)
        undoing.undo(notes, decision, by=rosa)


def test_holds_begun_and_ended_at_once_never_wait_in_a_circle(alice: Phone, rosa: User) -> None:
    sent = [shoot(alice) for _ in range(12)]

    def begin_and_end(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            holds.take(chance.sample(sent, len(sent)), by=rosa)
            holds.end([photo.pk for photo in chance.sample(sent, len(sent))])

    assert at_once(*[partial(begin_and_end, seed) for seed in range(8)]) == [None] * 8


def test_late_reviewer_hears_who_was_quicker(alice: Phone, rosa: User, vera: User) -> None:
    photo = shoot(alice)
    answers = at_once(
        lambda: reviews.accept_photo(photo.pk, by=rosa),
        lambda: reviews.reject_photo(photo.pk, by=vera, reason="not_visible"),
    )
    [late] = [answer for answer in answers if isinstance(answer, Problem)]
    assert (late.kind, late.status) == ("already-reviewed", 409)
    assert late.detail.startswith(f"{Review.objects.get().reviewer} has already ")


def test_members_of_one_stack_decided_at_once_keep_one_on_top(alice: Phone, rosa: User, vera: User) -> None:
    for _ in range(4):
        first, second, third, fourth = shoot_burst(alice, 4)
        at_once(partial(decide, accept(first, also=(second.pk,)), by=rosa), partial(decide, reject(third), by=vera))
        left = Photo.objects.filter(stack=first.stack, state=PhotoState.AWAITING_REVIEW)
        assert [(photo.pk, photo.is_top) for photo in left] == [(fourth.pk, True)]


def test_undo_at_once_takes_a_decision_back_once(alice: Phone, rosa: User, notes: Project) -> None:
    photo = shoot(alice)
    decision = taken(accept(photo), by=rosa)
    assert at_once(*[lambda: undoing.undo(notes, decision, by=rosa)] * 6) == [[photo]] * 6
    assert Review.objects.filter(action="undo").count() == 1


def test_decision_and_erasure_at_once_leave_an_erased_photo(alice: Phone, rosa: User) -> None:
    for _ in range(6):
        photo = shoot(alice)
        at_once(partial(decide, accept(photo), by=rosa), partial(photos.delete_photo, alice.volunteer, photo.pk))
        assert states(photo) == [PhotoState.DELETED]


def test_two_leads_at_once_decide_anew_one_after_the_other(alice: Phone, rosa: User, lena: User) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    appeals.appeal(alice.volunteer, photo.pk)
    results = at_once(*[partial(decide, accept(photo), by=lena, again=True)] * 4)
    assert [kinds(result) for result in results] == [[""]] * 4
    assert states(photo) == [PhotoState.ACCEPTED]
    assert Review.objects.exclude(action="undo").filter(undone_by=None).count() == 1
    assert Appeal.objects.get().answer == "accepted"

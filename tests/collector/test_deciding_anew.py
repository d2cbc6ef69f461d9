"""Deciding anew: a lead answers an appeal, ends a dispute, or corrects what was seen by chance."""

import uuid
from collections.abc import Callable

import pytest

from collector.domain import appeals, opinions, undoing
from collector.domain.decisions import Verdict
from collector.enums import AppealAnswer, DeletionCause, PhotoState
from collector.models import Appeal, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import Phone
from tests.collector.reviewing import accept, decide, kinds, reject, relabel, shoot, states, taken

pytestmark = pytest.mark.django_db
ACCEPTED, REJECTED = PhotoState.ACCEPTED, PhotoState.REJECTED


def test_lead_decides_anew_and_both_decisions_stay_in_history(alice: Phone, rosa: User, lena: User) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    taken(accept(photo), by=lena, again=True)
    assert states(photo) == [ACCEPTED]
    history = Review.objects.order_by("pk").values_list("action", "reviewer__display_name")
    assert list(history) == [("reject", "Rosa"), ("undo", "Lena"), ("accept", "Lena")]


def test_reviewer_may_not_decide_anew(alice: Phone, rosa: User, vera: User) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    with pytest.raises(Problem) as refused:
        decide(accept(photo), by=vera, again=True)
    assert (refused.value.kind, refused.value.status) == ("not-a-lead", 403)
    assert states(photo) == [REJECTED]


def test_accepting_anew_keeps_the_label_it_was_seen_with(alice: Phone, rosa: User, lena: User) -> None:
    photo = shoot(alice)
    taken(relabel(photo, "ten"), by=rosa)
    taken(accept(photo), by=lena, again=True)
    assert Photo.objects.get().label == photo.project.labels.get(slug="ten")


def test_deciding_anew_sent_twice_is_done_once(alice: Phone, rosa: User, lena: User) -> None:
    photo, decision = shoot(alice), uuid.uuid4()
    taken(reject(photo), by=rosa)
    for _ in range(2):
        assert kinds(decide(accept(photo), by=lena, decision=decision, again=True)) == [""]
    assert Review.objects.count() == 3


def test_slip_of_a_lead_leaves_the_earlier_decision_alone(alice: Phone, rosa: User, lena: User) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=rosa)
    assert kinds(decide(relabel(photo, "fifty"), by=lena, again=True)) == ["unknown-label"]
    assert kinds(decide(reject(photo, "ugly"), by=lena, again=True)) == ["unknown-reason"]
    assert states(photo) == [ACCEPTED]
    assert Review.objects.count() == 1


@pytest.mark.parametrize(
    ("verdict", "answer"),
    [(accept, AppealAnswer.ACCEPTED), (relabel, AppealAnswer.ACCEPTED), (reject, AppealAnswer.UPHELD)],
)
def test_deciding_anew_answers_the_open_appeal(
    alice: Phone, rosa: User, lena: User, verdict: Callable[[Photo], Verdict], answer: AppealAnswer
) -> None:
    appealed, other = shoot(alice), shoot(alice)
    taken(reject(appealed), reject(other), by=rosa)
    appeals.appeal(alice.volunteer, appealed.pk, "It is folded, but it is a five.")
    appeals.appeal(alice.volunteer, other.pk)
    taken(verdict(appealed), by=lena, again=True)
    answered, still_open = Appeal.objects.get(photo=appealed), Appeal.objects.get(photo=other)
    assert (answered.answer, answered.answered_by, still_open.answer) == (answer, lena, "")
    assert answered.answered_at is not None


def test_deciding_anew_ends_a_dispute_and_a_golden_time(alice: Phone, rosa: User, lena: User, notes: Project) -> None:
    disputed, gold = shoot(alice), shoot(alice)
    taken(accept(disputed), accept(gold), by=rosa)
    Photo.objects.filter(pk=disputed.pk).update(is_disputed=True)
    opinions.settle(notes, gold.pk, is_gold=True, by=lena)
    taken(accept(disputed), reject(gold), by=lena, again=True)
    assert set(Photo.objects.values_list("is_disputed", "is_gold")) == {(False, False)}


def test_private_photo_that_was_accepted_can_still_be_erased(alice: Phone, rosa: User, lena: User) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=rosa)
    taken(reject(photo, "privacy"), by=lena, again=True)
    photo.refresh_from_db()
    assert (photo.state, photo.deleted_because) == (PhotoState.DELETED, DeletionCause.PRIVACY)


def test_erased_photo_cannot_be_decided_anew(alice: Phone, rosa: User, lena: User) -> None:
    photo = shoot(alice)
    taken(reject(photo, "privacy"), by=rosa)
    assert kinds(decide(accept(photo), by=lena, again=True)) == ["not-awaiting-review"]
    assert states(photo) == [PhotoState.DELETED]


def test_undoing_a_decision_taken_anew_lets_the_photo_wait(
    alice: Phone, rosa: User, lena: User, notes: Project
) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    assert undoing.undo(notes, taken(accept(photo), by=lena, again=True), by=lena) == [photo]
    assert states(photo) == [PhotoState.AWAITING_REVIEW]

"""Decisions: many verdicts, each on its own account, each photo decided once, history only added to."""

import uuid
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from collector.domain import decisions, photos, projects
from collector.enums import DeletionCause, LabelState, PhotoState
from collector.models import Challenge, Hold, Label, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import Phone, make_phone, stored
from tests.collector.reviewing import accept, decide, kinds, reject, relabel, shoot, shoot_burst, states, taken

pytestmark = pytest.mark.django_db
ACCEPTED, REJECTED, WAITING = PhotoState.ACCEPTED, PhotoState.REJECTED, PhotoState.AWAITING_REVIEW
LABELS = ["five", "ten"]


# --- many verdicts -------------------------------------------------------------------------------------------------
def test_decision_takes_each_verdict(alice: Phone, rosa: User) -> None:
    good, named, bad = (shoot(alice) for _ in range(3))
    taken(accept(good), relabel(named), reject(bad), by=rosa)
    assert states(good, named, bad) == [ACCEPTED, ACCEPTED, REJECTED]
    said = Review.objects.order_by("pk").values_list("photo", "action", "label__slug", "reason", "reviewer")
    assert list(said) == [
        (good.pk, "accept", "five", "", rosa.pk),
        (named.pk, "relabel", "ten", "", rosa.pk),
        (bad.pk, "reject", "five", "not_visible", rosa.pk),
    ]
    assert Review.objects.values("decision").distinct().count() == 1


def test_review_keeps_the_digest_of_what_was_seen(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=rosa)
    assert Review.objects.get().normalised_sha256 == photo.normalised_sha256 != ""


def test_verdict_that_cannot_be_taken_does_not_hold_up_the_others(alice: Phone, rosa: User, vera: User) -> None:
    good, late, unnamed, odd = shoot(alice), shoot(alice), shoot(alice, label=None), shoot(alice)
    taken(reject(late), by=vera)
    elsewhere = Photo(pk=uuid.uuid4())
    verdicts = [accept(late), accept(unnamed), relabel(odd, "fifty"), reject(odd, "ugly"), accept(elsewhere)]
    refused = ["already-reviewed", "label-missing", "unknown-label", "unknown-reason", "unknown-photo"]
    assert kinds(decide(*verdicts, accept(good), by=rosa)) == [*refused, ""]
    assert states(good, late, unnamed, odd) == [ACCEPTED, REJECTED, WAITING, WAITING]


def test_photo_of_another_project_is_unknown(alice: Phone, rosa: User) -> None:
    coins = projects.create_project("coins", name="Coins", labels=[("cent", "1 cent")])
    projects.add_member(coins, rosa)
    other = shoot(alice, label="cent", slug="coins")
    assert kinds(decide(accept(other), by=rosa)) == ["unknown-photo"]
    assert states(other) == [WAITING]


def test_second_verdict_on_the_same_photo_in_one_decision_is_refused(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    assert kinds(decide(accept(photo), reject(photo), by=rosa)) == ["", "already-reviewed"]
    assert states(photo) == [ACCEPTED]


def test_decision_on_more_than_500_photos_is_refused(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    named = tuple(uuid.uuid4() for _ in range(decisions.MOST))
    with pytest.raises(Problem) as refused:
        decide(accept(photo, also=named), by=rosa)
    assert (refused.value.kind, refused.value.allowed) == ("too-many-photos", "At most 500.")
    assert kinds(decide(accept(photo, also=named[1:]), by=rosa)) == [""]


def test_decision_ends_the_hold_whoever_has_it(alice: Phone, rosa: User, vera: User) -> None:
    photo, other = shoot(alice), shoot(alice)
    for held in (photo, other):
        Hold.objects.create(photo=held, reviewer=vera, until="2100-01-01T00:00Z")
    taken(accept(photo), by=rosa)
    assert [hold.photo for hold in Hold.objects.all()] == [other]


# --- sent twice ----------------------------------------------------------------------------------------------------
def test_same_decision_sent_twice_is_taken_once(alice: Phone, rosa: User) -> None:
    verdicts, decision = [accept(shoot(alice)), reject(shoot(alice))], uuid.uuid4()
    assert kinds(decide(*verdicts, by=rosa, decision=decision)) == ["", ""]
    assert kinds(decide(*verdicts, by=rosa, decision=decision)) == ["", ""]
    assert Review.objects.count() == 2


def test_decision_that_was_cut_off_is_completed_when_sent_again(alice: Phone, rosa: User) -> None:
    one, two, decision = shoot(alice), shoot(alice), uuid.uuid4()
    decide(accept(one), by=rosa, decision=decision)
    assert kinds(decide(accept(one), accept(two), by=rosa, decision=decision)) == ["", ""]
    assert states(one, two) == [ACCEPTED, ACCEPTED]
    assert Review.objects.count() == 2


def test_id_of_somebody_elses_decision_is_refused(alice: Phone, rosa: User, vera: User, lena: User) -> None:
    photo = shoot(alice)
    decision = taken(accept(photo), by=rosa)
    with pytest.raises(Problem) as refused:
        decide(reject(photo), by=lena, decision=decision, again=True)
    assert refused.value.kind == "other-decision"
    assert states(photo) == [ACCEPTED]


# --- stacks --------------------------------------------------------------------------------------------------------
def test_verdict_decides_the_named_members_of_its_stack_and_only_them(alice: Phone, rosa: User) -> None:
    top, named, unnamed = shoot_burst(alice, 3)
    taken(reject(top, "duplicate", also=(named.pk,)), by=rosa)
    assert states(top, named, unnamed) == [REJECTED, REJECTED, WAITING]
    assert Photo.objects.get(pk=unnamed.pk).is_top  # it is what reviewers see next
    assert {review.reason for review in Review.objects.all()} == {"duplicate"}


def test_photo_that_is_not_of_the_stack_is_not_decided_with_it(alice: Phone, rosa: User) -> None:
    top, stranger = shoot(alice), shoot(alice, label="ten")
    taken(accept(top, also=(stranger.pk,)), by=rosa)
    assert states(top, stranger) == [ACCEPTED, WAITING]


def test_member_that_somebody_has_decided_stays_as_it_is(alice: Phone, rosa: User, vera: User) -> None:
    top, member = shoot_burst(alice, 2)
    taken(reject(member), by=vera)
    taken(accept(top, also=(member.pk,)), by=rosa)
    assert states(top, member) == [ACCEPTED, REJECTED]


def test_relabel_gives_the_whole_stack_the_other_label(alice: Phone, rosa: User) -> None:
    top, member = shoot_burst(alice, 2)
    taken(relabel(top, "ten", also=(member.pk,)), by=rosa)
    assert set(Photo.objects.values_list("label__slug", "claimed_label__slug")) == {("ten", "five")}


# --- conditions ----------------------------------------------------------------------------------------------------
def test_condition_is_confirmed_or_denied_where_the_challenge_asked(alice: Phone, rosa: User, dim: Challenge) -> None:
    holds, fails, rejected = (shoot(alice, challenge=dim) for _ in range(3))
    free = shoot(alice)
    verdicts = [accept(holds), accept(fails, condition_holds=False), reject(rejected), accept(free)]
    taken(*verdicts, by=rosa)
    for rows in (Photo.objects.in_bulk(), {review.photo_id: review for review in Review.objects.all()}):
        assert [rows[photo.pk].condition_holds for photo in (holds, fails, rejected, free)] == [True, False, None, None]


def test_retired_label_is_refused(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    Label.objects.filter(slug="five").update(state=LabelState.RETIRED)
    assert kinds(decide(accept(photo), relabel(photo, "five"), by=rosa)) == ["retired-label"] * 2


# --- privacy -------------------------------------------------------------------------------------------------------
def test_private_photo_loses_its_bytes_at_once_and_leaves_a_tombstone(alice: Phone, rosa: User, storage: Path) -> None:
    private, other = shoot(alice), shoot(alice)
    taken(reject(private, "privacy"), by=rosa)
    assert not [name for name in stored(storage) if str(private.pk) in name]
    assert [name for name in stored(storage) if str(other.pk) in name]
    private.refresh_from_db()
    assert (private.state, private.deleted_because) == (PhotoState.DELETED, DeletionCause.PRIVACY)
    assert (private.look64, private.measurements, private.scores) == (None, {}, {})
    assert Review.objects.get(photo=private).reason == "privacy"
    assert states(other) == [WAITING]


def test_volunteer_is_told_kindly_of_a_private_photo(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    taken(reject(photo, "privacy"), by=rosa)
    said = alice.get(photo.pk).json()
    assert (said["state"], said["urls"]) == ("deleted", None)
    assert said["reason"].startswith("Thank you for this photo. It showed something private")


def test_photo_that_its_owner_erased_gives_no_reason(alice: Phone) -> None:
    photo = shoot(alice)
    photos.delete_photo(alice.volunteer, photo.pk)
    assert alice.get(photo.pk).json()["reason"] == ""


# --- what it costs -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 3, 60])
def test_decision_asks_the_database_as_often_for_one_photo_as_for_sixty(
    rosa: User, notes: Project, dim: Challenge, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    phone = make_phone()
    verdicts = [
        [accept, reject, relabel][at % 3](shoot(phone, label=LABELS[at % 2], challenge=dim)) for at in range(count)
    ]
    # Role, labels; savepoint, three to lock the stacks, photos, conditions, this decision, opinions; then the move,
    # the reviews, the tops of stacks, holds and appeals; savepoint.
    with django_assert_num_queries(16):
        outcomes = decisions.decide(notes, uuid.uuid4(), verdicts, by=rosa)
    assert kinds(outcomes) == [""] * count


def test_refusals_cost_one_question_however_many(alice: Phone, rosa: User, vera: User) -> None:
    verdicts = [accept(shoot(alice)) for _ in range(3)]
    taken(*verdicts, by=vera)
    costs = []
    for count in (1, 3):
        with CaptureQueriesContext(connection) as queries:
            outcomes = decide(*verdicts[:count], by=rosa)
        assert kinds(outcomes) == ["already-reviewed"] * count
        assert str(outcomes[0].problem).startswith("Vera has already accepted this photo (5 euro).")
        costs.append(len(queries))
    assert costs[0] == costs[1]

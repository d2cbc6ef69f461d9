"""Undo: a whole decision, as often as one likes, and never more than it did."""

import uuid
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from collector.domain import photos, undoing
from collector.domain.undoing import Past
from collector.enums import PhotoState
from collector.models import Challenge, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import Phone, stored
from tests.collector.reviewing import accept, reject, relabel, shoot, shoot_burst, states, taken

pytestmark = pytest.mark.django_db
ACCEPTED, REJECTED, WAITING = PhotoState.ACCEPTED, PhotoState.REJECTED, PhotoState.AWAITING_REVIEW


def test_undo_takes_the_whole_decision_back(alice: Phone, rosa: User, notes: Project, dim: Challenge) -> None:
    good, named, bad = shoot(alice, challenge=dim), shoot(alice), shoot(alice)
    other = shoot(alice)
    taken(accept(other), by=rosa)
    back = undoing.undo(notes, taken(accept(good), relabel(named), reject(bad), by=rosa), by=rosa)
    assert sorted(photo.pk for photo in back) == sorted([good.pk, named.pk, bad.pk])
    assert states(good, named, bad, other) == [WAITING, WAITING, WAITING, ACCEPTED]
    waiting = Photo.objects.filter(state=WAITING).values_list("label__slug", "condition_holds")
    assert set(waiting) == {("five", None)}  # as their volunteers sent them


def test_undo_takes_back_the_members_of_a_stack_and_one_is_on_top(alice: Phone, rosa: User, notes: Project) -> None:
    top, member, _ = shoot_burst(alice, 3)
    undoing.undo(notes, taken(reject(top, also=(member.pk,)), by=rosa), by=rosa)
    assert states(top, member) == [WAITING, WAITING]
    assert Photo.objects.filter(is_top=True).count() == 1


def test_undo_adds_to_history_and_points_to_what_it_took_back(alice: Phone, rosa: User, notes: Project) -> None:
    decision = taken(accept(shoot(alice)), reject(shoot(alice)), by=rosa)
    before = list(Review.objects.order_by("pk").values())
    undoing.undo(notes, decision, by=rosa)
    assert list(Review.objects.order_by("pk").values())[:2] == before
    undos = Review.objects.filter(action="undo")
    assert sorted(undo.undoes_id or 0 for undo in undos) == [row["id"] for row in before]


def test_undo_twice_is_fine(alice: Phone, rosa: User, notes: Project) -> None:
    photo = shoot(alice)
    decision = taken(accept(photo), by=rosa)
    assert [undoing.undo(notes, decision, by=rosa) for _ in range(2)] == [[photo], [photo]]
    assert Review.objects.count() == 2


def test_undo_of_others_decisions_is_unknown(alice: Phone, rosa: User, vera: User, lena: User, notes: Project) -> None:
    photo = shoot(alice)
    decision = taken(accept(photo), by=rosa)
    for somebody in (vera, lena):
        with pytest.raises(Problem) as refused:
            undoing.undo(notes, decision, by=somebody)
        assert (refused.value.kind, refused.value.status) == ("unknown-decision", 404)
    with pytest.raises(Problem):
        undoing.undo(notes, uuid.uuid4(), by=rosa)
    assert states(photo) == [ACCEPTED]


def test_undo_by_somebody_who_left_is_refused(alice: Phone, rosa: User, notes: Project) -> None:
    decision = taken(accept(shoot(alice)), by=rosa)
    notes.members.clear()
    with pytest.raises(Problem) as refused:
        undoing.undo(notes, decision, by=rosa)
    assert refused.value.kind == "not-a-reviewer"


def test_undo_cannot_bring_private_photos_back(alice: Phone, rosa: User, notes: Project, storage: Path) -> None:
    private, other = shoot(alice), shoot(alice)
    decision = taken(reject(private, "privacy"), accept(other), by=rosa)
    assert undoing.undo(notes, decision, by=rosa) == [other]
    assert states(private, other) == [PhotoState.DELETED, WAITING]
    assert not [name for name in stored(storage) if str(private.pk) in name]
    assert not Review.objects.filter(action="undo", photo=private).exists()


def test_undo_leaves_photos_their_owner_erased(alice: Phone, rosa: User, notes: Project) -> None:
    photo = shoot(alice)
    decision = taken(accept(photo), by=rosa)
    photos.delete_photo(alice.volunteer, photo.pk)
    assert undoing.undo(notes, decision, by=rosa) == []
    assert states(photo) == [PhotoState.DELETED]


def test_undo_leaves_what_was_decided_anew_since(alice: Phone, rosa: User, vera: User, notes: Project) -> None:
    anew, other = shoot(alice), shoot(alice)
    decision = taken(accept(anew), accept(other), by=rosa)
    undoing.undo(notes, decision, by=rosa)
    taken(reject(anew), by=vera)
    assert undoing.undo(notes, decision, by=rosa) == [other]
    assert states(anew, other) == [REJECTED, WAITING]


def test_decision_that_arrives_after_its_undo_changes_nothing(alice: Phone, rosa: User, notes: Project) -> None:
    photo = shoot(alice)
    decision = taken(accept(photo), by=rosa)
    undoing.undo(notes, decision, by=rosa)
    taken(accept(photo), by=rosa)
    undoing.undo(notes, decision, by=rosa)
    assert states(photo) == [ACCEPTED]


# --- what undo can reach -------------------------------------------------------------------------------------------
def test_past_names_the_newest_standing_decisions_oldest_first(alice: Phone, rosa: User, notes: Project) -> None:
    sent = [shoot(alice) for _ in range(5)]
    named = taken(relabel(sent[0]), by=rosa)
    bad = taken(reject(sent[1], "screen_or_print"), by=rosa)
    many = taken(accept(sent[2]), reject(sent[3]), by=rosa)
    gone = taken(accept(sent[4]), by=rosa)
    undoing.undo(notes, gone, by=rosa)
    said = [Past(named, "Accepted as 10 euro."), Past(bad, "Rejected: screen or print."), Past(many, "2 photos.")]
    assert undoing.past(notes, by=rosa) == said
    assert undoing.past(notes, by=rosa, limit=2) == said[1:]


def test_past_counts_every_photo_of_a_large_decision(alice: Phone, rosa: User, notes: Project) -> None:
    decision = taken(*[accept(shoot(alice)) for _ in range(undoing.READ_PER_DECISION + 2)], by=rosa)
    assert undoing.past(notes, by=rosa, limit=1) == [Past(decision, "22 photos.")]


def test_past_knows_neither_others_nor_erased_photos(alice: Phone, rosa: User, vera: User, notes: Project) -> None:
    taken(accept(shoot(alice)), by=vera)
    taken(reject(shoot(alice), "privacy"), by=rosa)
    assert undoing.past(notes, by=rosa) == []


@pytest.mark.parametrize("count", [1, 3])
def test_undo_and_past_ask_the_same_queries_however_many_photos(
    alice: Phone, rosa: User, notes: Project, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    decision = taken(*[accept(shoot(alice)) for _ in range(count)], by=rosa)
    with django_assert_num_queries(2):
        undoing.past(notes, by=rosa)
    # Role; savepoint, the decision, opinions, three to lock the stacks, photos, undone before; undo, photos, tops;
    # savepoint; what waits now.
    with django_assert_num_queries(14):
        undoing.undo(notes, decision, by=rosa)


# --- history is only added to --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "write", ["UPDATE collector_review SET reason = 'unsafe'", "DELETE FROM collector_review WHERE id > 0"]
)
def test_database_refuses_to_change_or_delete_reviews(alice: Phone, rosa: User, write: str) -> None:
    taken(accept(shoot(alice)), by=rosa)
    with pytest.raises(IntegrityError, match="history is only added to"), transaction.atomic():
        connection.cursor().execute(write)
    assert Review.objects.get().reason == ""


def test_photo_with_history_cannot_be_deleted_by_accident(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=rosa)
    with pytest.raises(IntegrityError, match="history is only added to"), transaction.atomic():
        photo.delete()
    assert states(photo) == [ACCEPTED]


@pytest.mark.django_db(transaction=True)
def test_emptying_the_whole_table_between_tests_still_works(alice: Phone, rosa: User) -> None:
    taken(accept(shoot(alice)), by=rosa)
    connection.cursor().execute("TRUNCATE collector_review CASCADE")  # what the flush of the test database does
    assert not Review.objects.exists()

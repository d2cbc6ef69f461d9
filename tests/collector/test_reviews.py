"""Decisions: who may take them, what they change, and how they are taken back."""

import uuid
from functools import partial

import pytest
from pytest_django import DjangoAssertNumQueries

from collector.domain import normalising, photos, projects, reviews
from collector.enums import LabelState, PhotoState
from collector.models import Label, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import Phone, jpeg, send

pytestmark = pytest.mark.django_db


def test_accept_takes_the_volunteers_label(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    accepted = reviews.accept_photo(photo.pk, by=rosa)
    assert accepted.state == Photo.objects.get(pk=photo.pk).state == PhotoState.ACCEPTED
    review = Review.objects.get()
    assert (review.action, review.reviewer, review.label) == ("accept", rosa, photo.label)
    assert review.normalised_sha256 == photo.normalised_sha256
    assert list(photos.accepted_photos(photo.project)) == [photo]


def test_accept_without_label_asks_for_one(alice: Phone, rosa: User) -> None:
    photo = send(alice, label=None)
    with pytest.raises(Problem) as refused:
        reviews.accept_photo(photo.pk, by=rosa)
    assert refused.value.kind == "label-missing"
    assert not Review.objects.exists()


def test_relabel_accepts_under_the_other_label(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    relabelled = reviews.relabel_photo(photo.pk, by=rosa, label="ten")
    photo.refresh_from_db()
    assert photo.state == PhotoState.ACCEPTED
    assert relabelled.label == photo.label == projects.get_label(photo.project, "ten")
    assert photo.claimed_label == projects.get_label(photo.project, "five")


def test_relabel_to_an_unknown_label_is_refused(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    with pytest.raises(Problem) as refused:
        reviews.relabel_photo(photo.pk, by=rosa, label="fifty")
    assert (refused.value.kind, refused.value.allowed) == ("unknown-label", "five, ten")


def test_retired_label_is_refused(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    Label.objects.filter(slug="five").update(state=LabelState.RETIRED)
    for decide in (
        partial(reviews.accept_photo, photo.pk, by=rosa),
        partial(reviews.relabel_photo, photo.pk, by=rosa, label="five"),
    ):
        with pytest.raises(Problem) as refused:
            decide()
        assert refused.value.kind == "retired-label"


def test_reject_keeps_the_reason(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    assert reviews.reject_photo(photo.pk, by=rosa, reason="privacy").state == PhotoState.REJECTED
    assert Review.objects.get().reason == "privacy"
    assert not photos.accepted_photos(photo.project).exists()


def test_reject_for_an_unknown_reason_lists_the_known(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    with pytest.raises(Problem) as refused:
        reviews.reject_photo(photo.pk, by=rosa, reason="ugly")
    assert refused.value.kind == "unknown-reason"
    assert "not_visible" in refused.value.allowed


def test_second_decision_says_who_and_what(alice: Phone, rosa: User) -> None:
    photo = send(alice)
    reviews.reject_photo(photo.pk, by=rosa, reason="not_visible")
    with pytest.raises(Problem) as refused:
        reviews.accept_photo(photo.pk, by=rosa)
    assert (refused.value.kind, refused.value.status) == ("already-reviewed", 409)
    assert refused.value.detail == "Rosa has already rejected this photo (not visible)."


def test_photo_that_is_not_ready_or_erased_cannot_be_reviewed(alice: Phone, rosa: User) -> None:
    photo_id = uuid.uuid4()
    alice.put(jpeg(), photo_id)
    with pytest.raises(Problem) as refused:
        reviews.accept_photo(photo_id, by=rosa)
    assert (refused.value.kind, refused.value.status) == ("not-awaiting-review", 409)
    normalising.normalise_photo(photo_id)
    alice.delete(photo_id)
    with pytest.raises(Problem) as refused:
        reviews.accept_photo(photo_id, by=rosa)
    assert refused.value.detail == "This photo cannot be reviewed: it is deleted."


@pytest.mark.parametrize("stranger", ["otto", "charlie"])
def test_others_cannot_review(alice: Phone, stranger: str, request: pytest.FixtureRequest) -> None:
    photo, user = send(alice), request.getfixturevalue(stranger)
    for decide in (
        partial(reviews.accept_photo, photo.pk, by=user),
        partial(reviews.relabel_photo, photo.pk, by=user, label="ten"),
        partial(reviews.reject_photo, photo.pk, by=user, reason="privacy"),
    ):
        with pytest.raises(Problem) as refused:
            decide()
        assert refused.value.kind == "unknown-photo"
    with pytest.raises(Problem) as refused:
        reviews.undo_last(photo.project, by=user)
    assert refused.value.kind == "not-a-reviewer"
    assert not Review.objects.exists()


def test_superuser_may_review_everything(alice: Phone) -> None:
    root = User.objects.create_superuser("root@example.org", "correct horse")
    assert reviews.accept_photo(send(alice).pk, by=root).state == PhotoState.ACCEPTED


# --- undo ----------------------------------------------------------------------------------------------------------
def test_undo_goes_back_step_by_step(alice: Phone, rosa: User, notes: Project) -> None:
    one, two, three = (send(alice, seed) for seed in (1, 2, 3))
    reviews.accept_photo(one.pk, by=rosa)
    reviews.relabel_photo(two.pk, by=rosa, label="ten")
    reviews.reject_photo(three.pk, by=rosa, reason="duplicate")
    assert [reviews.undo_last(notes, by=rosa) for _ in range(4)] == [three, two, one, None]
    for photo in (one, two, three):
        photo.refresh_from_db()
        assert photo.state == PhotoState.AWAITING_REVIEW
        assert photo.label == photo.claimed_label
    assert Review.objects.count() == 6


def test_undo_of_an_undone_decision_does_nothing(alice: Phone, rosa: User, notes: Project) -> None:
    photo = send(alice)
    reviews.accept_photo(photo.pk, by=rosa)
    reviews.undo_last(notes, by=rosa)
    reviews.reject_photo(photo.pk, by=rosa, reason="privacy")
    assert reviews.undo_last(notes, by=rosa) == photo
    assert reviews.undo_last(notes, by=rosa) is None


def test_undo_of_a_named_photo_is_refused_unless_it_was_the_last(alice: Phone, rosa: User, notes: Project) -> None:
    one, two = send(alice, 1), send(alice, 2)
    reviews.accept_photo(one.pk, by=rosa)
    reviews.accept_photo(two.pk, by=rosa)
    with pytest.raises(Problem) as refused:
        reviews.undo_last(notes, by=rosa, photo_id=one.pk)
    assert refused.value.kind == "not-the-last-decision"
    assert reviews.undo_last(notes, by=rosa, photo_id=two.pk) == two
    assert Photo.objects.get(pk=one.pk).state == PhotoState.ACCEPTED


def test_undo_leaves_others_decisions_alone(alice: Phone, rosa: User, notes: Project) -> None:
    vera = User.objects.create_user("vera@example.org", "correct horse")
    projects.add_member(notes, vera)
    photo = send(alice)
    reviews.accept_photo(photo.pk, by=rosa)
    assert reviews.undo_last(notes, by=vera) is None


def test_undo_passes_over_erased_photos(alice: Phone, rosa: User, notes: Project) -> None:
    kept, erased = send(alice, 1), send(alice, 2)
    reviews.accept_photo(kept.pk, by=rosa)
    reviews.accept_photo(erased.pk, by=rosa)
    photos.delete_photo(alice.volunteer, erased.pk)
    assert reviews.undo_last(notes, by=rosa) == kept
    assert Photo.objects.get(pk=erased.pk).state == PhotoState.DELETED


# --- the queue -----------------------------------------------------------------------------------------------------
def test_queue_is_oldest_first_and_goes_on_after_any_photo(alice: Phone, rosa: User, notes: Project) -> None:
    sent = [send(alice, seed) for seed in range(4)]
    assert reviews.queue(notes) == sent
    assert reviews.queue(notes, after=sent[0].pk, limit=2) == sent[1:3]
    reviews.accept_photo(sent[1].pk, by=rosa)
    assert reviews.queue(notes, after=sent[1].pk) == sent[2:]
    assert reviews.queue(notes, after=uuid.uuid4()) == [sent[0], *sent[2:]]


def test_queue_of_photos_received_in_one_instant_misses_none(alice: Phone, notes: Project) -> None:
    for seed in range(5):
        send(alice, seed)
    Photo.objects.update(received_at=Photo.objects.earliest("received_at").received_at)
    seen: list[Photo] = []
    while batch := reviews.queue(notes, after=seen[-1].pk if seen else None, limit=2):
        seen += batch
    assert seen == sorted(Photo.objects.all(), key=lambda photo: photo.pk)


@pytest.mark.parametrize("count", [1, 3])
def test_queue_asks_the_database_a_fixed_number_of_times(
    alice: Phone, notes: Project, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    for seed in range(count):
        send(alice, seed)
    with django_assert_num_queries(1):
        said = [(photo.label, photo.challenge, photo.volunteer.nickname) for photo in reviews.queue(notes)]
    assert len(said) == count

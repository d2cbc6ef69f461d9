"""One photo at a time: what imports and scripts use. Decisions on many are in test_decisions.py."""

import uuid
from functools import partial

import pytest

from collector.domain import normalising, photos, projects, reviews
from collector.enums import PhotoState
from collector.models import Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import Phone, jpeg
from tests.collector.reviewing import shoot

pytestmark = pytest.mark.django_db


def test_accept_takes_the_volunteers_label(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    accepted = reviews.accept_photo(photo.pk, by=rosa)
    assert accepted.state == Photo.objects.get(pk=photo.pk).state == PhotoState.ACCEPTED
    review = Review.objects.get()
    assert (review.action, review.reviewer, review.label) == ("accept", rosa, photo.label)
    assert list(photos.accepted_photos(photo.project)) == [photo]


def test_accept_without_label_asks_for_one(alice: Phone, rosa: User) -> None:
    photo = shoot(alice, label=None)
    with pytest.raises(Problem) as refused:
        reviews.accept_photo(photo.pk, by=rosa)
    assert refused.value.kind == "label-missing"
    assert not Review.objects.exists()


def test_relabel_accepts_under_the_other_label(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    relabelled = reviews.relabel_photo(photo.pk, by=rosa, label="ten")
    photo.refresh_from_db()
    assert photo.state == PhotoState.ACCEPTED
    assert relabelled.label == photo.label == projects.get_label(photo.project, "ten")
    assert photo.claimed_label == projects.get_label(photo.project, "five")


def test_relabel_to_an_unknown_label_lists_the_known(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    with pytest.raises(Problem) as refused:
        reviews.relabel_photo(photo.pk, by=rosa, label="fifty")
    assert (refused.value.kind, refused.value.allowed) == ("unknown-label", "five, ten")


def test_reject_keeps_the_reason(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    assert reviews.reject_photo(photo.pk, by=rosa, reason="unsafe").state == PhotoState.REJECTED
    assert Review.objects.get().reason == "unsafe"
    assert not photos.accepted_photos(photo.project).exists()


def test_reject_for_an_unknown_reason_lists_the_known(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    with pytest.raises(Problem) as refused:
        reviews.reject_photo(photo.pk, by=rosa, reason="ugly")
    assert refused.value.kind == "unknown-reason"
    assert "not_visible" in refused.value.allowed


def test_second_decision_says_who_and_what(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
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
    photo, user = shoot(alice), request.getfixturevalue(stranger)
    for decide in (
        partial(reviews.accept_photo, photo.pk, by=user),
        partial(reviews.relabel_photo, photo.pk, by=user, label="ten"),
        partial(reviews.reject_photo, photo.pk, by=user, reason="privacy"),
    ):
        with pytest.raises(Problem) as refused:
            decide()
        assert refused.value.kind == "unknown-photo"
    assert reviews.undo_last(photo.project, by=user) is None
    assert not Review.objects.exists()


def test_superuser_may_review_everything(alice: Phone) -> None:
    root = User.objects.create_superuser("root@example.org", "correct horse")
    assert reviews.accept_photo(shoot(alice).pk, by=root).state == PhotoState.ACCEPTED


def test_undo_last_goes_back_step_by_step(alice: Phone, rosa: User, notes: Project) -> None:
    one, two, three = (shoot(alice) for _ in range(3))
    reviews.accept_photo(one.pk, by=rosa)
    reviews.relabel_photo(two.pk, by=rosa, label="ten")
    reviews.reject_photo(three.pk, by=rosa, reason="duplicate")
    assert [reviews.undo_last(notes, by=rosa) for _ in range(4)] == [three, two, one, None]
    for photo in (one, two, three):
        photo.refresh_from_db()
        assert photo.state == PhotoState.AWAITING_REVIEW
        assert photo.label == photo.claimed_label
    assert Review.objects.count() == 6


def test_undo_last_leaves_others_decisions_alone(alice: Phone, rosa: User, vera: User, notes: Project) -> None:
    reviews.accept_photo(shoot(alice).pk, by=rosa)
    assert reviews.undo_last(notes, by=vera) is None


def test_undo_last_passes_over_erased_photos(alice: Phone, rosa: User, notes: Project) -> None:
    kept, erased = shoot(alice), shoot(alice)
    reviews.accept_photo(kept.pk, by=rosa)
    reviews.accept_photo(erased.pk, by=rosa)
    photos.delete_photo(alice.volunteer, erased.pk)
    assert reviews.undo_last(notes, by=rosa) == kept
    assert Photo.objects.get(pk=erased.pk).state == PhotoState.DELETED

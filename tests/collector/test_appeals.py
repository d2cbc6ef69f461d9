"""Appeals: a volunteer may ask once for each rejection, and a lead answers by deciding anew."""

from functools import partial

import pytest

from collector.domain import appeals, undoing
from collector.enums import PhotoState
from collector.models import Appeal, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import Phone
from tests.collector.racing import at_once
from tests.collector.reviewing import accept, reject, shoot, taken

pytestmark = pytest.mark.django_db


def refusal(phone: Phone, photo: Photo) -> str:
    with pytest.raises(Problem) as refused:
        appeals.appeal(phone.volunteer, photo.pk)
    return refused.value.kind


def test_appeal_is_about_the_standing_rejection(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    made = appeals.appeal(alice.volunteer, photo.pk, "  It is half folded. ")
    assert (made.review, made.photo, made.text, made.answer) == (Review.objects.get(), photo, "It is half folded.", "")
    assert appeals.latest_appeal(photo) == made
    assert Photo.objects.get().state == PhotoState.REJECTED  # until somebody looks again


def test_appeal_sent_twice_is_one_and_keeps_its_first_words(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    first = appeals.appeal(alice.volunteer, photo.pk, "Please look again.")
    assert appeals.appeal(alice.volunteer, photo.pk, "Please!") == first
    assert Appeal.objects.get().text == "Please look again."


def test_photo_that_is_not_rejected_has_nothing_to_appeal(alice: Phone, rosa: User, notes: Project) -> None:
    waiting, good, private, again = (shoot(alice) for _ in range(4))
    taken(accept(good), reject(private, "privacy"), by=rosa)
    undoing.undo(notes, taken(reject(again), by=rosa), by=rosa)
    assert [refusal(alice, photo) for photo in (waiting, good, private, again)] == ["nothing-to-appeal"] * 4
    assert not Appeal.objects.exists()


def test_appeal_for_somebody_elses_photo_is_unknown(alice: Phone, bob: Phone, rosa: User) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    assert refusal(bob, photo) == "unknown-photo"


def test_appeal_that_was_upheld_cannot_be_made_again_against_the_old_rejection(
    alice: Phone, rosa: User, lena: User
) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    first = appeals.appeal(alice.volunteer, photo.pk)
    taken(reject(photo, "duplicate"), by=lena, again=True)
    second = appeals.appeal(alice.volunteer, photo.pk)  # the lead's rejection is one of its own
    assert second != first
    assert (Appeal.objects.get(pk=first.pk).answer, second.answer) == ("upheld", "")
    assert appeals.latest_appeal(photo) == second


def test_appeal_accepted_after_all_says_so(alice: Phone, rosa: User, lena: User) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    appeals.appeal(alice.volunteer, photo.pk)
    taken(accept(photo), by=lena, again=True)
    said = Appeal.objects.get()
    assert (said.answer, said.answered_by, Photo.objects.get().state) == ("accepted", lena, PhotoState.ACCEPTED)
    assert refusal(alice, photo) == "nothing-to-appeal"


@pytest.mark.django_db(transaction=True)
def test_appeals_at_once_are_one(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    made = at_once(*[partial(appeals.appeal, alice.volunteer, photo.pk, f"words {at}") for at in range(8)])
    assert {appeal.pk for appeal in made} == {Appeal.objects.get().pk}

"""Which rejected photos may teach a model when not to answer."""

from datetime import timedelta

import pytest
from django.utils import timezone

from collector.domain import appeals, negatives, photos, undoing
from collector.enums import RejectReason
from collector.models import Hold, Photo, Project
from foundation.models import User
from tests.collector.conftest import Phone
from tests.collector.reviewing import accept, reject, shoot, taken

pytestmark = pytest.mark.django_db


def found() -> dict[str, str]:
    """Id to reason."""
    return {str(one.photo_id): one.reason for one in negatives.negative_photos(Project.objects.get(slug="notes"))}


@pytest.mark.parametrize("reason", RejectReason.values)
def test_only_photos_that_show_no_label_teach(alice: Phone, rosa: User, reason: str) -> None:
    photo = shoot(alice)
    taken(reject(photo, reason), by=rosa)
    teaches = reason in {"wrong_object", "not_visible", "technically_unusable"}
    assert found() == ({str(photo.pk): reason} if teaches else {})


def test_a_photo_is_told_by_the_pixels_that_were_reviewed(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    (one,) = negatives.negative_photos(photo.project)
    assert (one.sha256, one.volunteer_id) == (Photo.objects.get().normalised_sha256, alice.volunteer.pk)


def test_photos_that_wait_or_are_accepted_or_were_taken_back_teach_nothing(alice: Phone, rosa: User) -> None:
    shoot(alice)
    taken(accept(shoot(alice)), by=rosa)
    undone = taken(reject(shoot(alice)), by=rosa)
    assert len(found()) == 1
    undoing.undo(Project.objects.get(slug="notes"), undone, by=rosa)
    assert found() == {}


def test_a_photo_that_was_ever_appealed_teaches_nothing(alice: Phone, rosa: User) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    appeal = appeals.appeal(alice.volunteer, photo.pk)
    assert found() == {}
    appeal.answer = "upheld"
    appeal.save()
    assert found() == {}


def test_disputed_held_and_erased_photos_teach_nothing(alice: Phone, rosa: User) -> None:
    disputed, held, erased = (shoot(alice) for _ in range(3))
    taken(*map(reject, (disputed, held, erased)), by=rosa)
    assert len(found()) == 3
    Photo.objects.filter(pk=disputed.pk).update(is_disputed=True)
    Hold.objects.create(photo=held, reviewer=rosa, until=timezone.now() + timedelta(minutes=5))
    photos.delete_photo(alice.volunteer, erased.pk)
    assert found() == {}
    Hold.objects.update(until=timezone.now() - timedelta(minutes=5))
    assert list(found()) == [str(held.pk)]

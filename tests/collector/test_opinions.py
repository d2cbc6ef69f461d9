"""Second opinions and gold photos: votes that decide nothing, and that nobody can tell from the others."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from collector.domain import opinions, queues, undoing
from collector.domain.filters import Filter
from collector.enums import PhotoState, ServedAs
from collector.models import Hold, Opinion, Photo, Project, Review
from collector.web import showing
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import Phone
from tests.collector.reviewing import accept, decide, kinds, reject, relabel, shoot, states, taken

pytestmark = pytest.mark.django_db
ACCEPTED, REJECTED = PhotoState.ACCEPTED, PhotoState.REJECTED


@pytest.fixture
def eager(notes: Project) -> Project:
    """A second opinion is wanted for every photo that is served."""
    Project.objects.update(second_opinion_share=1)
    notes.refresh_from_db()
    return notes


def served_opinion(photo: Photo, by: User, served_as: ServedAs = ServedAs.SECOND) -> Opinion:
    """What serving a photo does, without the lot that decides which."""
    return Opinion.objects.create(photo=photo, reviewer=by, served_as=served_as)


def disputed_and_gold(photo: Photo) -> tuple[bool, bool]:
    photo.refresh_from_db()
    return photo.is_disputed, photo.is_gold


# --- which are served ----------------------------------------------------------------------------------------------
def test_share_of_zero_serves_only_what_waits(alice: Phone, rosa: User, vera: User, notes: Project) -> None:
    decided, waiting = shoot(alice), shoot(alice)
    taken(accept(decided), by=vera)
    assert queues.serve(notes, Filter(), by=rosa).photos == [waiting]
    assert not Opinion.objects.exists()


def test_share_of_one_serves_a_decided_photo_for_each_that_waits(
    alice: Phone, rosa: User, vera: User, eager: Project
) -> None:
    decided, waiting = [shoot(alice) for _ in range(8)], [shoot(alice) for _ in range(3)]
    taken(*[accept(photo) for photo in decided[:4]], *[reject(photo) for photo in decided[4:]], by=vera)
    photos = queues.serve(eager, Filter(), by=rosa).photos
    assert len(photos) == len(set(photos)) == 6
    assert set(waiting) < set(photos)
    assert {opinion.photo for opinion in Opinion.objects.all()} == set(photos) - set(waiting)


def test_share_of_one_finds_every_gold_photo(alice: Phone, rosa: User, vera: User, notes: Project) -> None:
    gold, waiting = [shoot(alice) for _ in range(2)], [shoot(alice) for _ in range(4)]
    taken(*[accept(photo) for photo in gold], by=vera)
    Photo.objects.filter(state=ACCEPTED).update(is_gold=True)
    Project.objects.update(gold_share=1)
    notes.refresh_from_db()
    assert set(queues.serve(notes, Filter(), by=rosa).photos) == {*gold, *waiting}
    assert set(Opinion.objects.values_list("served_as", flat=True)) == {ServedAs.GOLD}


def test_own_decisions_are_never_served(alice: Phone, rosa: User, eager: Project) -> None:
    decided, waiting = [shoot(alice) for _ in range(4)], [shoot(alice) for _ in range(4)]
    taken(*[accept(photo) for photo in decided], by=rosa)
    assert set(queues.serve(eager, Filter(), by=rosa).photos) == set(waiting)


def test_photo_is_served_once_for_the_same_persons_opinion(
    alice: Phone, rosa: User, vera: User, eager: Project
) -> None:
    decided, waiting = shoot(alice), [shoot(alice) for _ in range(6)]
    taken(accept(decided), by=vera)
    first = [queues.serve(eager, Filter(), by=rosa).photos for _ in range(3)]
    assert sum(decided in photos for photos in first) <= 1
    assert set(first[-1]) >= set(waiting)


def test_disputed_and_erased_photos_are_not_served(alice: Phone, rosa: User, vera: User, eager: Project) -> None:
    disputed, erased, waiting = shoot(alice), shoot(alice), [shoot(alice) for _ in range(6)]
    taken(accept(disputed), accept(erased), by=vera)
    Photo.objects.filter(pk=disputed.pk).update(is_disputed=True)
    alice.delete(erased.pk)
    assert set(queues.serve(eager, Filter(), by=rosa).photos) == set(waiting)


def test_filtered_queue_is_never_mixed(alice: Phone, rosa: User, vera: User, eager: Project) -> None:
    decided, waiting = shoot(alice), shoot(alice)
    taken(accept(decided), by=vera)
    assert queues.serve(eager, Filter(label="five"), by=rosa).photos == [waiting]


def test_page_cannot_tell_them_apart(alice: Phone, rosa: User, vera: User, eager: Project) -> None:
    decided = [shoot(alice) for _ in range(2)]
    shoot(alice)
    taken(accept(decided[0]), reject(decided[1]), by=vera)
    shown = [showing.photo(photo) for photo in queues.serve(eager, Filter(), by=rosa).photos]
    assert len(shown) > 1
    same = [{**said, **dict.fromkeys(("id", "image", "thumbnail", "details"))} for said in shown]
    assert all(said == same[0] for said in same)
    assert Hold.objects.count() == 1  # what is decided is not held, and that is not told either


# --- what they do --------------------------------------------------------------------------------------------------
def test_opinion_that_agrees_changes_nothing_and_is_no_review(alice: Phone, rosa: User, vera: User) -> None:
    photo = shoot(alice)
    taken(relabel(photo), by=vera)
    served_opinion(photo, rosa)
    taken(accept(photo), by=rosa)
    assert (states(photo), disputed_and_gold(photo)) == ([ACCEPTED], (False, False))
    assert (Opinion.objects.get().agrees, Review.objects.count()) == (True, 1)


@pytest.mark.parametrize("differs", [reject, relabel])
def test_second_opinion_that_differs_disputes_the_photo(alice: Phone, rosa: User, vera: User, differs: object) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=vera)
    served_opinion(photo, rosa)
    taken(reject(photo) if differs is reject else relabel(photo), by=rosa)
    assert (states(photo), disputed_and_gold(photo)) == ([ACCEPTED], (True, False))


def test_two_second_opinions_that_agree_make_gold(
    alice: Phone, rosa: User, vera: User, lena: User, eager: Project
) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=vera)
    for by in (rosa, lena):
        assert not disputed_and_gold(photo)[1]
        served_opinion(photo, by)
        taken(reject(photo, "duplicate"), by=by)
    assert disputed_and_gold(photo) == (False, True)


def test_opinions_from_before_a_new_decision_do_not_make_gold(alice: Phone, rosa: User, vera: User, lena: User) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=lena)
    for by, verdict in ((rosa, accept(photo)), (vera, reject(photo))):
        served_opinion(photo, by)
        taken(verdict, by=by)
        taken(reject(photo), by=lena, again=True)
    assert [opinion.agrees for opinion in Opinion.objects.order_by("pk")] == [True, True]
    assert disputed_and_gold(photo) == (False, False)


def test_opinion_on_a_gold_photo_measures_and_disputes_nothing(alice: Phone, rosa: User, vera: User) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=vera)
    Photo.objects.update(is_gold=True)
    served_opinion(photo, rosa, ServedAs.GOLD)
    taken(reject(photo), by=rosa)
    assert disputed_and_gold(photo) == (False, True)
    assert Opinion.objects.get().agrees is False


def test_opinion_sent_twice_is_answered_the_same(alice: Phone, rosa: User, vera: User) -> None:
    photo, decision = shoot(alice), uuid.uuid4()
    taken(accept(photo), by=vera)
    served_opinion(photo, rosa)
    for _ in range(2):
        assert kinds(decide(reject(photo), by=rosa, decision=decision)) == [""]
    assert Review.objects.count() == 1


def test_privacy_is_no_matter_of_opinion(alice: Phone, rosa: User, vera: User) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=vera)
    served_opinion(photo, rosa)
    taken(reject(photo, "privacy"), by=rosa)
    assert states(photo) == [PhotoState.DELETED]


def test_opinion_on_a_photo_that_waits_again_is_a_decision(
    alice: Phone, rosa: User, vera: User, notes: Project
) -> None:
    photo = shoot(alice)
    decision = taken(accept(photo), by=vera)
    served_opinion(photo, rosa)
    undoing.undo(notes, decision, by=vera)
    taken(reject(photo), by=rosa)
    assert states(photo) == [REJECTED]
    assert not Opinion.objects.exists()  # else the next vote would be one on their own decision


# --- taking back, settling, measuring ------------------------------------------------------------------------------
def test_undo_forgets_an_opinion_and_the_dispute_it_began(alice: Phone, rosa: User, vera: User, notes: Project) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=vera)
    served_opinion(photo, rosa)
    assert undoing.undo(notes, taken(reject(photo), by=rosa), by=rosa) == [photo]
    assert (states(photo), disputed_and_gold(photo)) == ([ACCEPTED], (False, False))
    taken(accept(photo), by=rosa)
    assert Opinion.objects.get().agrees is True


def test_undo_leaves_a_dispute_that_others_began(
    alice: Phone, rosa: User, vera: User, lena: User, notes: Project
) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=vera)
    for by in (rosa, lena):
        served_opinion(photo, by)
        last = taken(reject(photo), by=by)
    undoing.undo(notes, last, by=lena)
    assert disputed_and_gold(photo) == (True, False)


def test_undo_takes_back_the_gold_an_opinion_made(
    alice: Phone, rosa: User, vera: User, lena: User, notes: Project
) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=vera)
    for by in (rosa, lena):
        served_opinion(photo, by)
        last = taken(accept(photo), by=by)
    undoing.undo(notes, last, by=lena)
    assert disputed_and_gold(photo) == (False, False)


def test_lead_settles_a_decided_photo_and_unsettles_it(alice: Phone, rosa: User, lena: User, notes: Project) -> None:
    photo, waiting = shoot(alice), shoot(alice)
    taken(accept(photo), by=rosa)
    Photo.objects.filter(pk=photo.pk).update(is_disputed=True)
    opinions.settle(notes, photo.pk, is_gold=True, by=lena)
    assert disputed_and_gold(photo) == (False, True)
    opinions.settle(notes, photo.pk, is_gold=False, by=lena)
    assert disputed_and_gold(photo) == (False, False)
    for by, on, kind in ((rosa, photo, "not-a-lead"), (lena, waiting, "not-decided")):
        with pytest.raises(Problem) as refused:
            opinions.settle(notes, on.pk, is_gold=True, by=by)
        assert refused.value.kind == kind


def test_agreement_counts_what_was_answered(alice: Phone, rosa: User, vera: User, notes: Project) -> None:
    sent = [shoot(alice) for _ in range(4)]
    taken(*[accept(photo) for photo in sent], by=vera)
    for photo, served_as in zip(sent, [ServedAs.SECOND, ServedAs.SECOND, ServedAs.GOLD, ServedAs.GOLD], strict=True):
        served_opinion(photo, rosa, served_as)
    taken(accept(sent[0]), reject(sent[1]), accept(sent[2]), by=rosa)
    an_hour_ago = timezone.now() - timedelta(hours=1)
    assert opinions.agreement(notes, rosa, since=an_hour_ago) == {"second": (1, 2), "gold": (1, 1)}
    assert opinions.agreement(notes, rosa, since=timezone.now() + timedelta(hours=1)) == {}

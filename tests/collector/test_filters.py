"""Filters: each alone, all together, and words for what is none."""

import datetime as dt
import uuid
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.domain import appeals, filters
from collector.domain.filters import Filter
from collector.enums import Remark, ReviewOrder, Shown
from collector.models import Challenge, Device, Photo, Project
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import Phone
from tests.collector.reviewing import accept, decide, reject, relabel, shoot, taken

pytestmark = pytest.mark.django_db


def matching(project: Project, **said: str) -> set[uuid.UUID]:
    return set(filters.select(project, filters.read_filter(said)).values_list("pk", flat=True))


def mark(photo: Photo, **fields: Any) -> Photo:
    """What the worker would have measured."""
    Photo.objects.filter(pk=photo.pk).update(**fields)
    return photo


# --- each alone ----------------------------------------------------------------------------------------------------
def test_label_is_what_the_photo_is_named_now_or_none(alice: Phone, notes: Project) -> None:
    five, ten, unnamed = shoot(alice), shoot(alice, label="ten"), shoot(alice, label=None)
    assert matching(notes, label="five") == {five.pk}
    assert matching(notes, label="ten") == {ten.pk}
    assert matching(notes, label="none") == {unnamed.pk}
    assert matching(notes) == {five.pk, ten.pk, unnamed.pk}


def test_challenge_and_the_condition_it_asked_for(alice: Phone, dim: Challenge) -> None:
    asked, _ = shoot(alice, challenge=dim), shoot(alice)
    assert matching(dim.project, challenge=str(dim.pk)) == {asked.pk}
    assert matching(dim.project, condition="dim") == {asked.pk}
    assert matching(dim.project, condition="bright") == matching(dim.project, challenge="9999") == set()


def test_volunteer_and_device(alice: Phone, bob: Phone, notes: Project) -> None:
    hers, his = shoot(alice), shoot(bob)
    device = Device.objects.get(volunteer=alice.volunteer)
    mark(hers, device=device)
    assert matching(notes, volunteer=str(bob.volunteer.pk)) == {his.pk}
    assert matching(notes, device=str(device.pk)) == {hers.pk}


def test_remark_and_disagreement_of_the_model(alice: Phone, notes: Project) -> None:
    dark, doubted = mark(shoot(alice), remarks=[Remark.TOO_DARK]), mark(shoot(alice), disagreement=0.51)
    mark(shoot(alice), disagreement=0.5, remarks=[])
    assert matching(notes, remark="too_dark") == {dark.pk}
    assert matching(notes, disagrees="1") == {doubted.pk}
    assert len(matching(notes, disagrees="0")) == 3


def test_days_are_whole_days_in_utc(alice: Phone, notes: Project) -> None:
    moments = ["2026-11-20T23:59:59.999Z", "2026-11-21T00:00Z", "2026-11-21T23:59:59.999Z", "2026-11-22T00:00Z"]
    before, first, last, after = (mark(shoot(alice), received_at=moment).pk for moment in moments)
    assert matching(notes, since="2026-11-21", until="2026-11-21") == {first, last}
    assert matching(notes, since="2026-11-21") == {first, last, after}
    assert matching(notes, until="2026-11-20") == {before}


def test_shown_decides_the_state(alice: Phone, rosa: User, notes: Project) -> None:
    waiting, good, bad, appealed = (shoot(alice) for _ in range(4))
    taken(accept(good), reject(bad), reject(appealed), by=rosa)
    appeals.appeal(alice.volunteer, appealed.pk)
    mark(good, is_disputed=True)
    assert matching(notes) == {waiting.pk}
    assert matching(notes, shown="accepted") == matching(notes, shown="disputed") == {good.pk}
    assert matching(notes, shown="rejected") == {bad.pk, appealed.pk}
    assert matching(notes, shown="appealed") == {appealed.pk}


def test_disputed_photo_that_is_erased_is_shown_no_more(alice: Phone, rosa: User, lena: User, notes: Project) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=rosa)
    mark(photo, is_disputed=True)
    alice.delete(photo.pk)
    assert matching(notes, shown="disputed") == set()


def test_answered_appeal_is_shown_no_more(alice: Phone, rosa: User, lena: User, notes: Project) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    appeals.appeal(alice.volunteer, photo.pk)
    decide(reject(photo, "duplicate"), by=lena, again=True)
    assert matching(notes, shown="appealed") == set()
    assert matching(notes, shown="rejected") == {photo.pk}


def test_reviewer_is_whose_decision_stands(alice: Phone, rosa: User, vera: User, lena: User, notes: Project) -> None:
    hers, corrected = shoot(alice), shoot(alice)
    taken(accept(hers), accept(corrected), by=rosa)
    taken(relabel(corrected), by=lena, again=True)
    assert matching(notes, shown="accepted", reviewer=str(rosa.pk)) == {hers.pk}
    assert matching(notes, shown="accepted", reviewer=str(lena.pk)) == {corrected.pk}
    assert matching(notes, shown="accepted", reviewer=str(vera.pk)) == set()


def test_another_projects_photos_never_match(otto: User, alice: Phone, notes: Project) -> None:
    shoot(alice)
    coins = Project.objects.get(slug="coins")
    assert matching(coins) == matching(coins, volunteer=str(alice.volunteer.pk)) == set()


# --- together ------------------------------------------------------------------------------------------------------
def test_filters_combine_all_of_them_must_hold(alice: Phone, bob: Phone, dim: Challenge) -> None:
    asked = [mark(shoot(phone, challenge=dim), remarks=["blurred"]) for phone in (alice, bob)]
    mark(shoot(alice), remarks=["blurred"])
    shoot(alice, label="ten", challenge=dim)
    said = {"condition": "dim", "remark": "blurred", "label": "five"}
    assert matching(dim.project, **said) == {photo.pk for photo in asked}
    assert matching(dim.project, **said, volunteer=str(bob.volunteer.pk)) == {asked[1].pk}


@given(
    st.builds(
        Filter,
        order=st.sampled_from(ReviewOrder),
        label=st.sampled_from(["", "five", "none"]),
        challenge=st.none() | st.integers(0, 1 << 40),
        condition=st.sampled_from(["", "dim"]),
        volunteer=st.none() | st.uuids(),
        remark=st.sampled_from(["", *Remark.values]),
        disagrees=st.booleans(),
        since=st.none() | st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)),
    )
)
def test_address_says_the_whole_filter(chosen: Filter) -> None:
    assume(chosen.order in chosen.orders)
    assert filters.read_filter(chosen.as_query()) == chosen


def test_empty_parameters_say_nothing() -> None:
    assert filters.read_filter({"label": "", "since": "", "order": ""}) == Filter()
    assert Filter().as_query() == {}


@pytest.mark.parametrize("shown", [shown for shown in Shown if shown != Shown.WAITING])
def test_what_is_decided_is_ordered_by_age_only(shown: Shown) -> None:
    orders = [filters.read_filter({"shown": shown, "order": order}).order for order in ReviewOrder]
    assert set(orders) == {ReviewOrder.NEWEST, ReviewOrder.OLDEST}
    assert filters.read_filter({"shown": shown}).order == ReviewOrder.NEWEST


# --- refused in words ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("colour", "red", "shown, order, label"),
        ("shown", "everything", "waiting, accepted, rejected"),
        ("order", "random", "value, oldest"),
        ("challenge", "today", "a challenge's number"),
        ("challenge", "9" * 30, "a challenge's number"),
        ("challenge", "9" * 5000, "a challenge's number"),
        ("device", "-1", "a device's number"),
        ("reviewer", "rosa", "a reviewer's number"),
        ("volunteer", "anna", "a volunteer's UUID"),
        ("disagrees", "yes", "0 or 1"),
        ("remark", "ugly", "too_dark"),
        ("since", "yesterday", "a day such as"),
        ("until", "9999-12-31", "a day such as"),
        ("label", "five\x00", "a name from the list"),
        ("condition", "'; drop table", "a name from the list"),
    ],
)
def test_filter_that_makes_no_sense_is_refused_in_words(name: str, text: str, allowed: str) -> None:
    with pytest.raises(Problem) as refused:
        filters.read_filter({name: text})
    assert (refused.value.kind, refused.value.status) == ("invalid-filter", 400)
    assert allowed in refused.value.allowed
    assert name in refused.value.detail
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize(("name", "known"), [("label", "five, ten"), ("condition", "bright, dim")])
def test_unknown_label_or_condition_lists_the_known(notes: Project, name: str, known: str) -> None:
    with pytest.raises(Problem) as refused:
        matching(notes, **{name: "purple"})
    assert refused.value.kind == f"unknown-{name}"
    assert refused.value.allowed.startswith(known)


@pytest.mark.parametrize("day", ["since", "until"])
def test_days_are_ordered_by_age_alone(day: str) -> None:
    assert filters.read_filter({day: "2026-11-21"}).order == ReviewOrder.OLDEST
    assert filters.read_filter({day: "2026-11-21", "order": "value"}).order == ReviewOrder.OLDEST
    assert filters.read_filter({day: "2026-11-21", "order": "newest"}).order == ReviewOrder.NEWEST

"""What is worth a look first: what the model got wrong, what is rare, what is new, what has waited."""

import datetime as dt
import uuid

import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import strategies as st

from collector import tasks
from collector.domain import challenges, conditions, ordering, projects, reviews
from collector.enums import LabelState, PhotoState
from collector.models import Challenge, Label, Photo, Project, Volunteer
from foundation.models import User
from tests.collector.conftest import Phone, send

BLIND = next(one for one in (uuid.UUID(int=at) for at in range(1000)) if ordering.is_blind(one))
SEEING = next(one for one in (uuid.UUID(int=at) for at in range(1000)) if not ordering.is_blind(one))
NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


def photo(
    project: Project,
    *,
    label: Label | None = None,
    scores: dict[str, float] | None = None,
    received_at: dt.datetime = NOON,
    photo_id: uuid.UUID = SEEING,
) -> Photo:
    """One that is about to wait, not stored."""
    return Photo(
        id=photo_id, project=project, claimed_label=label, label=label, scores=scores or {}, received_at=received_at
    )


@pytest.fixture
def five(notes: Project) -> Label:
    return projects.get_label(notes, "five")


def fill(volunteer: Volunteer, label: Label, count: int, state: str, **fields: object) -> None:
    """Rows as reviews leave them behind, without pixels."""
    rows = [
        Photo(
            id=uuid.uuid4(), project=label.project, volunteer=volunteer, claimed_label=label, label=label, state=state,
            size_bytes=1, received_at=NOON, **fields,
        )
        for _ in range(count)
    ]  # fmt: skip
    Photo.objects.bulk_create(rows)


# --- disagreement --------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scores", "expected"),
    [({"five": 0.9, "ten": 0.1}, 0.1), ({"ten": 1.0}, 1.0), ({"five": 1.0}, 0.0), ({}, 0.5)],
)
def test_disagreement_is_what_the_model_leaves_of_the_claimed_label(
    notes: Project, five: Label, scores: dict[str, float], expected: float
) -> None:
    assert ordering.rate(photo(notes, label=five, scores=scores), None)["disagreement"] == pytest.approx(expected)


@pytest.mark.django_db
def test_disagreement_is_unknown_for_a_label_no_model_was_taught(notes: Project) -> None:
    coin = projects.add_label(notes, "coin", state=LabelState.COLLECTING)
    assert ordering.rate(photo(notes, label=coin, scores={"five": 0.9}), None)["disagreement"] == 0.5


@pytest.mark.django_db
@pytest.mark.parametrize(("scores", "expected"), [({"five": 0.5, "ten": 0.5}, 1.0), ({"five": 0.9, "ten": 0.1}, 0.2)])
def test_disagreement_without_a_claim_is_how_undecided_the_model_was(
    notes: Project, scores: dict[str, float], expected: float
) -> None:
    assert ordering.rate(photo(notes, scores=scores), None)["disagreement"] == pytest.approx(expected)


# --- novelty and age -----------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(("nearest", "expected"), [(None, 1), (0, 0), (8, 0.25), (32, 1), (60, 1)])
def test_novelty_is_the_distance_to_the_nearest_photo(
    notes: Project, five: Label, nearest: int | None, expected: float
) -> None:
    assert ordering.rate(photo(notes, label=five), nearest)["novelty"] == expected


@pytest.mark.django_db
def test_value_adds_the_parts_and_takes_the_age_key_away(notes: Project, five: Label) -> None:
    rated = ordering.rate(photo(notes, label=five, scores={"five": 0.2}), 16)
    assert rated["value"] == pytest.approx(0.45 * 0.8 + 0.35 * 1 + 0.2 * 0.5 - ordering.age_key(NOON))


@pytest.mark.django_db
def test_photo_that_waited_30_days_longer_goes_before_every_other(notes: Project, five: Label) -> None:
    best = photo(notes, label=five, scores={"ten": 1.0}, received_at=NOON + dt.timedelta(days=31))
    worst = photo(notes, label=None, scores={"five": 1.0})
    assert ordering.rate(worst, 0)["value"] > ordering.rate(best, None)["value"]


@given(st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2060, 1, 1)), st.integers(1, 10**6))  # noqa: DTZ001 -- below
def test_age_key_rises_with_time(when: dt.datetime, seconds: int) -> None:
    moment = when.replace(tzinfo=dt.UTC)
    assert ordering.age_key(moment + dt.timedelta(seconds=seconds)) > ordering.age_key(moment)


# --- the blind slice -----------------------------------------------------------------------------------------------
def test_about_one_photo_in_twenty_is_blind_and_stays_so() -> None:
    ids = [uuid.UUID(int=at) for at in range(20_000)]
    blind = {one for one in ids if ordering.is_blind(one)}
    assert 900 <= len(blind) <= 1100
    assert blind == {one for one in ids if ordering.is_blind(one)}


def test_who_knows_no_key_cannot_choose_a_blind_id(settings: LazySettings) -> None:
    before = [ordering.is_blind(uuid.UUID(int=at)) for at in range(500)]
    settings.SECRET_KEY = "another"
    assert [ordering.is_blind(uuid.UUID(int=at)) for at in range(500)] != before


@pytest.mark.django_db
def test_value_of_a_blind_photo_does_not_depend_on_the_model(notes: Project, five: Label) -> None:
    loved, hated = (
        ordering.rate(photo(notes, label=five, scores={"five": p}, photo_id=BLIND), None) for p in (1.0, 0.0)
    )
    assert loved["is_blind"]
    assert loved["value"] == hated["value"]
    assert 0 <= loved["value"] + ordering.age_key(NOON) <= 1


# --- need ----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(("accepted", "expected"), [(0, 1.0), (50, 0.75), (200, 0.0), (201, 0.0)])
def test_need_falls_with_the_accepted_photos_of_the_label(
    alice: Phone, notes: Project, five: Label, accepted: int, expected: float
) -> None:
    fill(alice.volunteer, five, accepted, PhotoState.ACCEPTED)
    fill(alice.volunteer, five, 9, PhotoState.REJECTED)
    assert ordering.rate(photo(notes, label=five), None)["need"] == expected
    assert ordering.rate(photo(notes, label=projects.get_label(notes, "ten")), None)["need"] == 1


@pytest.fixture
def dim(notes: Project) -> Challenge:
    asked = conditions.get_conditions(notes, ["dim", "held"])
    return challenges.set_challenge(notes, challenges.local_day(notes), text="A note in dim light", conditions=asked)


@pytest.mark.django_db
def test_need_of_a_challenges_photo_is_that_of_its_rarest_condition(
    alice: Phone, notes: Project, five: Label, dim: Challenge
) -> None:
    fill(alice.volunteer, five, 200, PhotoState.ACCEPTED)
    fill(alice.volunteer, five, 20, PhotoState.ACCEPTED, challenge=dim, condition_holds=True)
    fill(alice.volunteer, five, 20, PhotoState.ACCEPTED, challenge=dim, condition_holds=False)
    asked = photo(notes, label=five)
    asked.challenge = dim
    assert ordering.rate(asked, None)["need"] == pytest.approx(0.9)


@pytest.mark.django_db
def test_refresh_moves_need_and_value_of_what_waits_and_of_nothing_else(
    alice: Phone, notes: Project, five: Label, dim: Challenge
) -> None:
    fill(alice.volunteer, five, 2, PhotoState.AWAITING_REVIEW, need=1.0, value=3.0)
    fill(alice.volunteer, five, 1, PhotoState.AWAITING_REVIEW, need=1.0, value=3.0, is_blind=True)
    fill(alice.volunteer, five, 1, PhotoState.AWAITING_REVIEW, need=1.0, value=3.0, challenge=dim)
    fill(alice.volunteer, five, 1, PhotoState.REJECTED, need=1.0, value=3.0)
    fill(alice.volunteer, five, 100, PhotoState.ACCEPTED, need=1.0, value=3.0)
    assert ordering.refresh_needs(notes) == 3
    waiting = Photo.objects.filter(state=PhotoState.AWAITING_REVIEW)
    plain = waiting.filter(challenge=None, is_blind=False).values_list("need", "value").distinct()
    assert [(need, round(value, 6)) for need, value in plain] == [(0.5, 2.825)]
    assert waiting.values_list("need", "value").get(is_blind=True) == (0.5, 3.0)
    assert waiting.values_list("need", "value").get(challenge=dim) == (1.0, 3.0)
    assert set(Photo.objects.exclude(state=PhotoState.AWAITING_REVIEW).values_list("need", "value")) == {(1.0, 3.0)}
    assert ordering.refresh_needs(notes) == 0


@pytest.mark.django_db
def test_refresh_leaves_a_need_that_moved_by_a_tenth_or_less(alice: Phone, notes: Project, five: Label) -> None:
    fill(alice.volunteer, five, 1, PhotoState.AWAITING_REVIEW, need=1.0)
    fill(alice.volunteer, five, 20, PhotoState.ACCEPTED)
    assert ordering.refresh_needs(notes) == 0
    fill(alice.volunteer, five, 1, PhotoState.ACCEPTED)
    tasks.refresh_needs()
    assert Photo.objects.get(state=PhotoState.AWAITING_REVIEW).need == pytest.approx(1 - 21 / 200)


# --- on its way in -------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_normalised_photo_is_rated(alice: Phone, storage: object, rosa: User) -> None:
    first, again = send(alice, 1), send(alice, 1)
    assert (first.disagreement, first.need, first.novelty) == (0.5, 1.0, 1.0)
    assert again.novelty == 0.0
    assert first.is_blind == ordering.is_blind(first.pk)
    reviews.accept_photo(first.pk, by=rosa)
    assert send(alice, 2).need == pytest.approx(1 - 1 / 200)

"""What the gate may conclude from two models' answers to the same photos."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from training.domain import comparing
from training.domain.comparing import RISK, Answer

LABELS = ("five", "ten")


def answers(wins: int, losses: int, same: int, *, volunteers: int = 10, label: str = "five") -> list[Answer]:
    """So many photos where the candidate alone, the other alone, or both are right, dealt out to volunteers in turn."""
    kinds = [(label, "none")] * wins + [("none", label)] * losses + [(label, label)] * same
    return [Answer(f"v{n % volunteers}", label, mine, other) for n, (mine, other) in enumerate(kinds)]


@st.composite
def photos(draw: st.DrawFn) -> list[Answer]:
    one = st.tuples(st.integers(0, draw(st.sampled_from([1, 8]))), *[st.sampled_from(LABELS)] * 3)
    return [Answer(f"v{who}", *rest) for who, *rest in draw(st.lists(one, min_size=1, max_size=60))]


# --- laws ----------------------------------------------------------------------------------------------------------
@given(photos(), st.data())
@settings(max_examples=150, deadline=None)
def test_one_more_right_answer_never_lowers_the_bound(found: list[Answer], data: st.DataObject) -> None:
    wrong = [place for place, one in enumerate(found) if one.candidate != one.label]
    assume(wrong)
    place = data.draw(st.sampled_from(wrong))
    better = [*found[:place], replace(found[place], candidate=found[place].label), *found[place + 1 :]]
    assert comparing.compare(better).lower_bound >= comparing.compare(found).lower_bound
    assert {one.label for one in comparing.find_falls(better)} <= {one.label for one in comparing.find_falls(found)}


@given(photos())
@settings(max_examples=100, deadline=None)
def test_the_bound_is_below_what_was_found(found: list[Answer]) -> None:
    compared = comparing.compare(found)
    assert -1 <= compared.lower_bound < compared.difference + 1e-9


@given(photos())
@settings(max_examples=100, deadline=None)
def test_models_that_answer_alike_have_no_fallen_label(found: list[Answer]) -> None:
    assert comparing.find_falls([replace(one, other=one.candidate) for one in found]) == []


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_tail_of_a_fair_coin(wins: int, losses: int) -> None:
    total = wins + losses
    tail = sum(math.comb(total, k) for k in range(wins, total + 1)) / 2**total
    assert comparing.mcnemar(wins, losses) == pytest.approx(tail)


# --- examples ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [100, 350, 2000])
def test_photos_without_any_loss_show_three_in_so_many(count: int) -> None:
    found = comparing.compare(answers(0, 0, count, volunteers=count // 5))
    assert found.lower_bound == pytest.approx(-3 / count, rel=0.1)


def test_photos_without_any_loss_show_less_where_few_people_gave_many() -> None:
    by_many, by_few = (comparing.compare(answers(0, 0, 350, volunteers=count)).lower_bound for count in (35, 7))
    assert by_many > -0.01
    assert by_few < -0.03


def test_what_fewer_volunteers_show_is_less_sure() -> None:
    by_few, by_many = (
        comparing.compare(
            [one for who in range(people) for one in _one_person(f"v{who}", gain=who % 2 * 2 - 1, photos=600 // people)]
        )
        for people in (6, 60)
    )
    assert by_few.difference == by_many.difference == 0
    assert by_few.lower_bound < 2 * by_many.lower_bound


@pytest.mark.parametrize(("people", "each"), [(6, 50), (12, 25), (35, 10), (35, 3)])
def test_the_bound_lies_above_the_truth_on_one_night_of_twenty_at_most(people: int, each: int) -> None:
    random, losses = np.random.default_rng(7), 0.02
    nights = [comparing.compare(_mixed(random, people=people, each=each, losses=losses)) for _ in range(400)]
    over = np.mean([night.lower_bound > -losses for night in nights])
    assert over <= RISK + 2 * math.sqrt(RISK * (1 - RISK) / len(nights))


def test_few_golden_volunteers_are_not_resampled_but_ten_photos_of_each() -> None:
    found = comparing.compare(answers(20, 1, 60, volunteers=2))
    assert (found.by, found.groups) == ("photos", 20)
    assert comparing.compare(answers(2, 1, 12, volunteers=2)).groups == 15


@pytest.mark.parametrize(("people", "each"), [(1, 50), (2, 10), (2, 88), (4, 25), (4, 88)])
def test_photos_by_few_people_show_no_worse_model_to_be_no_worse(people: int, each: int) -> None:
    random, losses = np.random.default_rng(11), 0.02
    nights = [comparing.compare(_mixed(random, people=people, each=each, losses=losses)) for _ in range(400)]
    assert np.mean([night.lower_bound > -losses for night in nights]) <= RISK


def test_more_photos_of_the_same_few_people_show_nothing_more() -> None:
    few, many = (comparing.compare(answers(0, 0, 4 * each, volunteers=4)).lower_bound for each in (10, 1000))
    assert few == many == pytest.approx(-3 / 40, rel=0.1)


def test_a_label_that_fell_is_named_with_its_figures() -> None:
    (fall,) = comparing.find_falls(answers(0, 9, 31, label="ten") + answers(9, 0, 31))
    assert (fall.label, fall.photos, fall.recall, fall.other_recall) == ("ten", 40, 0.775, 1.0)
    assert fall.p == pytest.approx(2 / 2**9)


def test_a_label_that_fell_by_three_points_is_let_through() -> None:
    assert comparing.find_falls(answers(0, 30, 970)) == []
    assert [fall.label for fall in comparing.find_falls(answers(0, 31, 969))] == ["five"]


def test_the_more_labels_there_are_the_clearer_a_fall_must_be() -> None:
    fell = answers(0, 5, 35)  # p = 1/32
    assert [fall.label for fall in comparing.find_falls(fell)] == ["five"]
    assert comparing.find_falls(fell + answers(0, 0, 40, label="ten")) == []


def _one_person(name: str, *, gain: int, photos: int) -> list[Answer]:
    """On a tenth of the photos only one model is right: the candidate where ``gain`` is 1, the other where it is -1."""
    only = ("five", "ten") if gain > 0 else ("ten", "five")
    return [Answer(name, "five", *(only if n < photos // 10 else ("five", "five"))) for n in range(photos)]


def _mixed(random: np.random.Generator, *, people: int, each: int, losses: float) -> Sequence[Answer]:
    """Photos where the candidate only ever loses, on such a share in the mean, and with some people more often."""
    shares = random.beta(1, 1 / losses - 1, people) if each > 5 else np.full(people, losses)
    lost = random.random((people, each)) < shares[:, None]
    return [
        Answer(f"v{who}", "five", "ten" if is_lost else "five", "five")
        for who in range(people)
        for is_lost in lost[who].tolist()
    ]

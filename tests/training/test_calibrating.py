"""Whether a model's probabilities can be believed, and when the gate keeps one back for them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from training.domain import calibrating, gates
from training.domain.calibrating import BIN_PHOTOS, MOST_BINS, Beside
from training.domain.comparing import Answer
from training.domain.gates import Candidate, Evidence
from training.enums import GateDecision


def draw(*, people: int = 40, each: int = 10, ours: float = 0.0, theirs: float = 0.0, seed: int = 1) -> list[Answer]:
    """Photos of which each model is right as often as its probability says, less so much."""
    random = np.random.default_rng(seed)
    found = []
    for place in range(people * each):
        sure, other_sure = random.uniform(0.6, 1, 2)
        mine, other = ("a" if random.random() < share else "b" for share in (sure - ours, other_sure - theirs))
        found.append(Answer(f"v{place % people}", "a", mine, other, float(sure), float(other_sure)))
    return found


def compare(answers: list[Answer]) -> Beside:
    found = calibrating.compare(answers)
    assert found
    return found


@st.composite
def photos(draw: st.DrawFn) -> list[Answer]:
    sure = st.floats(0.3, 1)
    one = st.tuples(st.integers(0, 8), *[st.sampled_from("ab")] * 3, sure, sure)
    drawn = draw(st.lists(one, min_size=1, max_size=60))
    return [Answer(f"v{who}", *rest) for who, *rest in drawn]


# --- laws ----------------------------------------------------------------------------------------------------------
@given(photos(), st.data())
@settings(max_examples=80, deadline=None)
def test_one_more_right_answer_never_makes_a_model_surer_than_right(found: list[Answer], data: st.DataObject) -> None:
    wrong = [place for place, one in enumerate(found) if one.candidate != one.label]
    assume(wrong)
    place = data.draw(st.sampled_from(wrong))
    better = [*found[:place], replace(found[place], candidate=found[place].label), *found[place + 1 :]]
    before, after = compare(found), compare(better)
    assert after.candidate.overconfidence <= before.candidate.overconfidence + 1e-9
    assert (after.lower_bound or 0) <= (before.lower_bound or 0) + 1e-6


@given(photos())
@settings(max_examples=80, deadline=None)
def test_over_confidence_is_a_part_of_the_error(found: list[Answer]) -> None:
    one = compare(found).candidate
    assert 0 <= one.overconfidence <= one.error <= 1
    assert sum(each.photos for each in one.bins) == len(found)
    off = sum(each.photos * (each.sure - each.right) for each in one.bins) / len(found)
    assert off == pytest.approx(2 * one.overconfidence - one.error)


@given(photos())
@settings(max_examples=40, deadline=None)
def test_the_order_of_photos_does_not_matter(found: list[Answer]) -> None:
    assert compare(list(reversed(found))) == compare(found)


# --- examples ------------------------------------------------------------------------------------------------------
def test_bins_hold_equally_many_photos_and_no_more_bins_than_photos_allow() -> None:
    for each in (10, 100):
        bins = compare(draw(people=10, each=each)).candidate.bins
        assert len(bins) == min(MOST_BINS, 10 * each // BIN_PHOTOS)
        assert max(one.photos for one in bins) - min(one.photos for one in bins) <= 1


def test_a_model_that_is_always_as_right_as_it_says_is_hardly_off() -> None:
    assert compare(draw(people=100, each=100)).candidate.error < 0.015


def test_a_model_that_promises_ten_points_too_much_is_ten_points_over_confident() -> None:
    found = compare(draw(people=100, each=100, ours=0.1)).candidate
    assert found.overconfidence == pytest.approx(0.1, abs=0.015)


def is_worse(ours: float = 0, theirs: float = 0) -> Callable[[int], bool]:
    return lambda seed: compare(draw(people=30, ours=ours, theirs=theirs, seed=seed)).is_worse


def test_equally_believable_models_are_rarely_told_apart() -> None:
    assert sum(map(is_worse(), range(100))) <= 8
    assert sum(map(is_worse(ours=0.1, theirs=0.1), range(100))) <= 8


def test_a_model_that_promises_ten_points_more_than_before_is_noticed() -> None:
    assert sum(map(is_worse(ours=0.1), range(40))) >= 28


def test_a_model_that_promises_too_little_is_not_worse() -> None:
    assert not any(map(is_worse(ours=-0.1), range(20)))


def test_with_fewer_than_five_volunteers_nothing_is_concluded() -> None:
    found = compare(draw(people=4, each=100, ours=0.3))
    assert (found.lower_bound, found.is_worse) == (None, False)
    assert found.candidate.overconfidence > 0.2


# --- the gate ------------------------------------------------------------------------------------------------------
LABELS = ("a", "b")


def against(answers: list[Answer], known: tuple[str, ...] | None = LABELS, *, is_unchanged: bool = False) -> Evidence:
    files = [Candidate("litert int8", 900, 0.0)]
    return Evidence(answers, files, LABELS, 0.1, known, {"litert int8": 1000}, is_unchanged=is_unchanged)


def surer(found: list[Answer]) -> list[Answer]:
    """The candidate answers as the other model does, but is nearly certain."""
    return [replace(one, candidate=one.other or "", sure=0.9 + (one.other_sure or 0) / 10) for one in found]


def test_as_right_and_smaller_but_surer_than_before_is_kept() -> None:
    alike = [replace(one, candidate=one.other or "", sure=one.other_sure) for one in draw()]
    assert gates.decide(against(alike)).decision == GateDecision.PUBLISH
    verdict = gates.decide(against(surer(alike)))
    assert verdict.decision == GateDecision.KEEP
    assert verdict.why.startswith("clearly more over-confident: surer than right by 20.")


def test_the_figures_are_kept_whatever_is_decided() -> None:
    found = draw()
    told = [gates.decide(against(one)).figures["calibration"] for one in (found, surer(found))]
    assert [one["photos"] for one in told] == [400, 400]
    assert {"candidate", "other", "difference", "lower_bound", "photos"} == set(told[0])
    assert told[0]["candidate"]["bins"][0].keys() == {"photos", "sure", "right"}


def test_the_first_release_and_an_unchanged_model_have_figures_of_their_own_alone() -> None:
    found = draw()
    for evidence in (against(found, known=None), against(found, is_unchanged=True)):
        assert gates.decide(evidence).figures["calibration"].keys() == {"photos", "candidate"}

"""Choosing a network by accuracy and cost: laws, and the paper's own trade."""

from hypothesis import given
from hypothesis import strategies as st

from training.ml.choice import HARD_W, USUAL_TARGET_M, Candidate, W, choose, score

TARGETS = st.none() | st.integers(1, 2000)
SHARES = st.integers(0, 200).map(lambda hits: hits / 200)


def candidate(arch: str = "a", accuracy: float = 0.9, millions: float = 300) -> Candidate:
    return Candidate(arch, accuracy, round(millions * 1e6), bytes_int8=1, latency_ms=1.0)


@st.composite
def several(draw: st.DrawFn) -> list[Candidate]:
    figures = draw(st.lists(st.tuples(SHARES, st.integers(1, 900)), min_size=1, max_size=6))
    return [candidate(f"net{at}", accuracy, millions) for at, (accuracy, millions) in enumerate(figures)]


@given(candidates=several(), target_m=TARGETS, used=st.integers(0, 6))
def test_candidate_no_better_and_dearer_is_never_chosen(
    candidates: list[Candidate], target_m: int | None, used: int
) -> None:
    chosen = choose(candidates, target_m=target_m, in_use=f"net{used}")
    for other in candidates:
        assert not (other.accuracy >= chosen.accuracy and other.multiply_adds < chosen.multiply_adds)
        assert not (other.accuracy > chosen.accuracy and other.multiply_adds <= chosen.multiply_adds)


@given(candidates=several(), target_m=TARGETS)
def test_chosen_one_has_the_best_score(candidates: list[Candidate], target_m: int | None) -> None:
    chosen = choose(candidates, target_m=target_m)
    assert score(chosen, target_m) == max(score(one, target_m) for one in candidates)


@given(candidates=several(), target_m=TARGETS, used=st.integers(0, 6))
def test_network_in_use_changes_for_more_than_one_percent_only_unless_it_is_beaten(
    candidates: list[Candidate], target_m: int | None, used: int
) -> None:
    chosen = choose(candidates, target_m=target_m, in_use=f"net{used}")
    before = next((one for one in candidates if one.arch == f"net{used}"), chosen)
    beaten = any(before.is_beaten_by(other) for other in candidates)
    assert chosen == before or beaten or score(chosen, target_m) > 1.01 * score(before, target_m)


@given(accuracy=SHARES, target_m=TARGETS, one=st.integers(1, 900), other=st.integers(1, 900))
def test_score_never_rises_with_cost(accuracy: float, target_m: int | None, one: int, other: int) -> None:
    cheap, dear = sorted((one, other))
    assert score(candidate(accuracy=accuracy, millions=cheap), target_m) >= score(
        candidate(accuracy=accuracy, millions=dear), target_m
    )


def test_twice_the_cost_is_worth_five_percent_more_right_answers() -> None:
    """The trade from which the paper has its w."""
    small, large = candidate("small", 0.80, 100), candidate("large", 0.80 * 1.05, 200)
    assert abs(score(large, None) / score(small, None) - 1) < 0.001


def test_network_at_the_target_scores_its_accuracy() -> None:
    assert score(candidate(accuracy=0.75, millions=USUAL_TARGET_M), None) == 0.75
    assert score(candidate(accuracy=0.75, millions=60), 60) == 0.75


def test_network_above_a_project_s_own_target_pays_for_all_of_it() -> None:
    assert (W, HARD_W) == (-0.07, -1.0)
    assert score(candidate(accuracy=0.9, millions=120), 60) == 0.45


def test_tie_goes_to_the_cheaper_then_to_the_first() -> None:
    assert choose([candidate("a", 0.0, 300), candidate("b", 0.0, 60)], target_m=None).arch == "b"
    assert choose([candidate("a"), candidate("b")], target_m=None).arch == "a"

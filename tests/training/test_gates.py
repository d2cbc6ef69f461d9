"""Laws of the gate, and one example of each decision."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from training.domain import comparing, gates
from training.domain.comparing import Answer
from training.domain.gates import Candidate, Evidence
from training.enums import GateDecision

PUBLISH, KEEP = GateDecision.PUBLISH, GateDecision.KEEP
LABELS = ("five", "ten")
FILES = (Candidate("litert fp32", 1000, 0.0), Candidate("litert int8", 300, 0.002))
BYTES = {"litert fp32": 1000, "litert int8": 300}


def answers(wins: int, losses: int, both: int, neither: int = 0, volunteers: int = 40) -> list[Answer]:
    """So many photos where the candidate alone, the other alone, both, or neither is right."""
    kinds = (
        [("five", "ten")] * wins + [("ten", "five")] * losses + [("five", "five")] * both + [("ten", "ten")] * neither
    )
    return [Answer(f"v{n % volunteers}", "five", mine, other) for n, (mine, other) in enumerate(kinds)]


def against(photos: Sequence[Answer], **fields: Any) -> Evidence:
    whole: dict[str, Any] = {
        "artifacts": FILES,
        "labels": LABELS,
        "margin": 0.01,
        "known": LABELS,
        "known_bytes": BYTES,
    }
    return Evidence(answers=photos, **{**whole, **fields})


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    one = st.tuples(st.integers(0, 8), st.sampled_from(LABELS), st.sampled_from(LABELS), st.sampled_from(LABELS))
    drawn = draw(st.lists(one, min_size=1, max_size=60))
    photos = [Answer(f"v{who}", label, mine, other) for who, label, mine, other in drawn]
    files = [replace(file, bytes=draw(st.integers(1, 2000))) for file in FILES]
    return against(photos, artifacts=files, margin=draw(st.sampled_from([0.0, 0.01, 0.1])))


# --- laws ----------------------------------------------------------------------------------------------------------
@given(evidences())
@settings(max_examples=80, deadline=None)
def test_the_same_figures_in_any_order_give_the_same_verdict(evidence: Evidence) -> None:
    assert gates.decide(evidence) == gates.decide(evidence)
    turned = gates.decide(replace(evidence, answers=list(reversed(evidence.answers))))
    assert turned == gates.decide(evidence)


@given(evidences(), st.data())
@settings(max_examples=80, deadline=None)
def test_one_more_right_answer_never_turns_publish_into_keep(evidence: Evidence, data: st.DataObject) -> None:
    wrong = [place for place, one in enumerate(evidence.answers) if one.candidate != one.label]
    assume(wrong)
    place = data.draw(st.sampled_from(wrong))
    better = list(evidence.answers)
    better[place] = replace(better[place], candidate=better[place].label)
    if gates.decide(evidence).decision == PUBLISH:
        assert gates.decide(replace(evidence, answers=better)).decision == PUBLISH


@given(evidences())
@settings(max_examples=80, deadline=None)
def test_a_model_that_answers_alike_is_never_better(evidence: Evidence) -> None:
    same = [replace(one, other=one.candidate) for one in evidence.answers]
    verdict = gates.decide(replace(evidence, answers=same, artifacts=FILES))
    assert verdict.decision == KEEP


@given(evidences())
@settings(max_examples=80, deadline=None)
def test_nothing_is_published_that_may_be_worse_than_the_margin_allows(evidence: Evidence) -> None:
    verdict = gates.decide(evidence)
    if verdict.decision == PUBLISH:
        assert verdict.figures["lower_bound"] > -max(evidence.margin, 1e-9)


@given(evidences(), st.floats(0.0101, 1.0))
@settings(max_examples=50, deadline=None)
def test_an_artifact_that_flips_answers_is_never_shipped(evidence: Evidence, flips: float) -> None:
    verdict = gates.decide(replace(evidence, artifacts=[FILES[0], replace(FILES[1], flips=flips)]))
    assert "litert int8" not in verdict.shipped
    assert verdict.withheld["litert int8"].startswith("changes ")


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_a_probability_that_falls_with_wins(wins: int, losses: int) -> None:
    assert 0 <= comparing.mcnemar(wins + 1, losses) <= comparing.mcnemar(wins, losses) <= 1


# --- examples ------------------------------------------------------------------------------------------------------
def test_mcnemar_knows_the_textbook_figures() -> None:
    assert comparing.mcnemar(8, 1) == pytest.approx(10 / 512)
    assert comparing.mcnemar(0, 0) == 1.0


def test_the_first_release_is_published_when_clearly_better_than_the_commonest_answer() -> None:
    photos = [Answer(f"v{n % 8}", LABELS[n % 2], LABELS[n % 2]) for n in range(60)]
    verdict = gates.decide(against(photos, known=None))
    assert verdict.decision == PUBLISH
    assert "the first release: right on 100.0% of 60 golden photos" in verdict.why
    assert "always answering five would be right on 50.0%" in verdict.why


def test_the_first_candidate_that_guesses_is_kept_back() -> None:
    photos = [Answer(f"v{n % 8}", LABELS[n % 2], "five") for n in range(60)]
    verdict = gates.decide(against(photos, known=None))
    assert (verdict.decision, verdict.why[:35]) == (KEEP, "not clearly better than guessing: r")


def test_a_clearly_better_model_is_published() -> None:
    verdict = gates.decide(against(answers(wins=30, losses=2, both=168)))
    assert verdict.decision == PUBLISH
    assert verdict.why.startswith("better than the model in use: 99.0% against 85.0% on 200 golden photos")


def test_a_little_better_is_not_better() -> None:
    verdict = gates.decide(against(answers(wins=3, losses=1, both=96)))
    assert verdict.decision == KEEP


def test_as_good_and_smaller_is_published() -> None:
    files = [replace(FILES[0], bytes=900), replace(FILES[1], bytes=250)]
    verdict = gates.decide(against(answers(wins=0, losses=0, both=400), artifacts=files))
    assert verdict.decision == PUBLISH
    assert "its files are 12% smaller" in verdict.why


def test_as_good_with_a_new_label_that_meets_its_floor_is_published() -> None:
    new = [Answer(f"v{n}", "twenty", "twenty" if n else "ten", "ten") for n in range(6)]
    evidence = against(answers(0, 0, 400) + new, labels=(*LABELS, "twenty"))
    verdict = gates.decide(evidence)
    assert verdict.decision == PUBLISH
    assert "it answers the new label twenty (5 of 6 golden photos right)" in verdict.why


def test_a_new_label_below_its_floor_is_no_reason_to_publish() -> None:
    new = [Answer(f"v{n}", "twenty", "twenty" if n < 2 else "ten", "ten") for n in range(6)]
    verdict = gates.decide(against(answers(0, 0, 400) + new, labels=(*LABELS, "twenty")))
    assert verdict.decision == KEEP
    assert "twenty (2 of 6 golden photos right)" in verdict.why


def test_worse_is_kept_even_with_a_new_label() -> None:
    new = [Answer(f"v{n}", "twenty", "twenty", "ten") for n in range(6)]
    verdict = gates.decide(against(answers(0, 20, 180) + new, labels=(*LABELS, "twenty")))
    assert verdict.decision == KEEP
    assert verdict.why.startswith("not shown to be as good within 1.0 points: 90.0% against 100.0%")


def test_slow_decline_stops_at_the_best_of_ninety_days() -> None:
    files = [replace(file, bytes=1) for file in FILES]
    slow = answers(0, 20, 180)
    verdict = gates.decide(against(answers(0, 0, 400), artifacts=files, best=slow))
    assert verdict.decision == KEEP
    assert "the best release of the last 90 days" in verdict.why


def test_the_model_in_use_itself_is_kept_and_said_so() -> None:
    verdict = gates.decide(against(answers(0, 0, 10), is_unchanged=True))
    assert (verdict.decision, "is that same model" in verdict.why) == (KEEP, True)


def test_without_any_artifact_the_model_in_use_stays() -> None:
    files = [replace(file, flips=0.02) for file in FILES]
    verdict = gates.decide(against(answers(50, 0, 50), artifacts=files))
    assert verdict.decision == KEEP
    assert "litert fp32: changes 2.0% of the fp32 answers, more than 1%" in verdict.why


def test_a_withheld_artifact_is_named_in_the_reason() -> None:
    files = [FILES[0], replace(FILES[1], flips=0.03)]
    verdict = gates.decide(against(answers(50, 0, 150), artifacts=files))
    assert verdict.decision == PUBLISH
    assert verdict.why.endswith("Left out of the release: litert int8, changes 3.0% of the fp32 answers, more than 1%.")
    assert verdict.shipped == ("litert fp32",)


def test_better_on_the_whole_is_kept_where_a_label_became_clearly_worse() -> None:
    fives = answers(wins=60, losses=0, both=240)
    tens = [replace(one, label="ten", candidate="five", other="ten") for one in answers(0, 12, 0)]
    tens += [replace(one, label="ten", candidate="ten", other="ten") for one in answers(0, 0, 28)]
    verdict = gates.decide(against(fives + tens))
    assert verdict.decision == KEEP
    said = "clearly worse on ten (right on 70.0% of its 40 golden photos against 100.0%, p < 0.001)."
    assert verdict.why == said
    assert [one["label"] for one in verdict.figures["fallen_labels"]] == ["ten"]


def test_a_margin_too_fine_for_so_few_photos_says_how_many_it_needs() -> None:
    files = [replace(file, bytes=1) for file in FILES]
    verdict = gates.decide(against(answers(0, 0, 200), artifacts=files))
    assert verdict.decision == KEEP
    assert verdict.why.endswith("So fine a margin needs at least 300 golden photos by 30 volunteers.")


def test_photos_by_few_volunteers_count_for_ten_each() -> None:
    verdict = gates.decide(against(answers(wins=40, losses=2, both=158, volunteers=4)))
    assert verdict.decision == PUBLISH
    assert "fewer than 5 volunteers took them, so 10 of each count at most" in verdict.why


def test_a_new_project_with_two_golden_volunteers_publishes_its_first_model() -> None:
    photos = [Answer(f"v{n % 2}", LABELS[n % 2], LABELS[n % 2] if n else "none") for n in range(40)]
    assert gates.decide(against(photos, known=None)).decision == PUBLISH

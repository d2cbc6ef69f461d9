"""What a stage says while it works can be read back, line by line."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.ml import contract

TEXT = st.text(max_size=20)


def said(stage: str = "fit", *, human: bool = False) -> tuple[contract.Progress, io.StringIO]:
    out = io.StringIO()
    return contract.Progress(stage, human=human, out=out), out


@given(TEXT, TEXT, TEXT, TEXT)
def test_problem_line_is_read_back_as_it_was(what: str, value: str, allowed: str, do: str) -> None:
    progress, out = said()
    problem = contract.Problem(what, value, allowed, do)
    progress.problem(problem)
    assert contract.parse_line(out.getvalue()) == contract.ProblemLine(problem)


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0, 1e6) | st.none(), TEXT)
def test_progress_line_is_read_back_with_its_step(step: int, total: int, eta_s: float | None, message: str) -> None:
    progress, out = said()
    progress.report(step, total, message, eta_s=eta_s)
    line = contract.parse_line(out.getvalue())
    assert isinstance(line, contract.ProgressLine)
    assert (line.stage, line.step, line.total, line.message) == ("fit", step, total, message)


def test_result_line_is_read_back_with_what_was_found() -> None:
    progress, out = said()
    progress.result({"golden_accuracy": 0.5})
    assert contract.parse_line(out.getvalue()) == contract.ResultLine("fit", {"golden_accuracy": 0.5})


def test_notice_line_is_read_back() -> None:
    progress, out = said()
    progress.notice("No weights: from scratch")
    assert contract.parse_line(out.getvalue()) == contract.NoticeLine("fit", "No weights: from scratch")


@pytest.mark.parametrize("text", ["", "Epoch 3", "[]", "3", '{"event": "newer"}', "{}", '{"event":', "null"])
def test_any_other_line_is_none(text: str) -> None:
    assert contract.parse_line(text) is None


@given(st.text())
def test_any_text_at_all_is_read_without_failing(text: str) -> None:
    contract.parse_line(text)


def test_progress_that_is_reported_often_is_written_seldom_but_first_and_last() -> None:
    progress, out = said()
    for step in range(1, 1001):
        progress.report(step, 1000)
    steps = [json.loads(line)["step"] for line in out.getvalue().splitlines()]
    assert (steps[0], steps[-1]) == (1, 1000)
    assert len(steps) < 20


def test_progress_before_the_first_step_guesses_no_end() -> None:
    progress, out = said()
    progress.report(0, 3)
    assert json.loads(out.getvalue())["eta_s"] is None


def test_progress_for_people_is_a_sentence_with_a_percentage() -> None:
    progress, out = said(human=True)
    progress.report(5, 10, "photos decoded")
    assert "50% photos decoded 5/10" in out.getvalue()


def test_problem_in_one_sentence_says_what_the_value_what_is_allowed_and_what_to_do() -> None:
    problem = contract.Problem("The size is wrong", "7", "32 to 512", "Correct it.")
    assert problem.sentence() == "The size is wrong (7). Allowed: 32 to 512. Correct it."

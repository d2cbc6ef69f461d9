"""People who label wrongly on purpose: the gate keeps what they spoiled, and no account of theirs decides alone."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.training.nights_kit import ROOT
from tests.training.shared_data import find_digits, find_weights
from training.domain import gates
from training.domain.comparing import Answer
from training.domain.gates import Candidate, Evidence
from training.enums import GateDecision

pytestmark = pytest.mark.slow
DIGITS = tuple(str(digit) for digit in range(10))


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What heads answer to 343 golden digits: an honest one, and such that learned from poisoned labels."""
    command = [sys.executable, "-m", "tests.training.poisoning", str(find_digits()), str(find_weights())]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # the heads are small, and others may use the machine
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout))


def accuracy(told: dict[str, Any], name: str) -> float:
    right = [answer == label for answer, label in zip(told["answers"][name], told["labels"], strict=True)]
    return float(sum(right) / len(right))


@pytest.mark.parametrize("poison", ["flipped", "flood", "flood, bounded"])
def test_a_model_that_wrong_labels_made_worse_is_not_published_even_if_it_is_smaller(
    told: dict[str, Any], poison: str
) -> None:
    """``flipped``: three accounts mislabel 5% of all photos. ``flood``: one account, 40%."""
    columns = (told["volunteers"], told["labels"], told["answers"][poison], told["answers"]["honest"])
    answers = [Answer(*row) for row in zip(*columns, strict=True)]
    evidence = Evidence(
        answers,
        artifacts=[Candidate("litert int8", 800, 0.0)],
        labels=DIGITS,
        margin=0.01,
        known=DIGITS,
        known_bytes={"litert int8": 1000},
    )
    assert accuracy(told, poison) < accuracy(told, "honest") - 0.02
    verdict = gates.decide(evidence)
    assert verdict.decision == GateDecision.KEEP
    assert verdict.why.startswith(("not shown to be as good", "clearly worse on"))


def test_the_bound_on_an_account_takes_back_part_of_what_a_flood_of_wrong_labels_spoiled(told: dict[str, Any]) -> None:
    assert accuracy(told, "flood, bounded") > accuracy(told, "flood") + 0.05

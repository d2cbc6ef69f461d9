"""The measurements can be started, and print what a program can compare."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import lines

ROOT = Path(__file__).resolve().parents[2]


def run_benchmarks(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_benchmarks_when_asked_for_help_list_the_areas() -> None:
    done = run_benchmarks("--help")
    assert done.returncode == 0, done.stderr
    assert {"digits", "uploads"} <= set(re.findall(r"\w+", done.stdout))


def test_benchmarks_of_an_unknown_area_exit_with_2_and_name_those_there_are() -> None:
    done = run_benchmarks("guesses")
    assert (done.returncode, done.stdout) == (2, "")
    assert "digits" in done.stderr


def test_benchmarks_without_their_data_say_so_and_are_no_failure(tmp_path: Path) -> None:
    done = run_benchmarks("digits", DAYBREAK_SHARED_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (line,) = map(json.loads, done.stdout.splitlines())
    assert line["skipped"] == "digits"
    assert str(tmp_path) in line["why"]
    assert "DAYBREAK_SHARED_DATA" in line["why"]


def test_emit_prints_one_line_with_exactly_its_members(capsys: pytest.CaptureFixture[str]) -> None:
    lines.emit("speed", 3.0, baseline=2.0, ratio=1.5, target=1.2, met=True)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line == {"name": "speed", "value": 3.0, "baseline": 2.0, "ratio": 1.5, "target": 1.2, "met": True}


def test_emit_without_a_target_prints_null_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    lines.emit("speed", 3.0)
    line = json.loads(capsys.readouterr().out)
    assert line == {"name": "speed", "value": 3.0, "baseline": None, "ratio": None, "target": None, "met": None}


def test_emit_of_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        lines.emit("speed", float("nan"))

"""What a stage says while it works: one JSON object a line on stdout, or sentences for a person. Standard library only.

{"event": "progress", "stage": "embed", "step": 40, "total": 200, "eta_s": 12.5, "message": "..."}
{"event": "notice",   "stage": "fit", "message": "No pretrained weights: ..."}
{"event": "problem",  "what": "...", "value": "...", "allowed": "...", "do": "..."}     then exit status 2
{"event": "result",   "stage": "fit", "result": {...}}                                  the last line
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from training.ml.problems import Problem

MIN_SECONDS_BETWEEN_LINES = 0.5  # a supervisor writes each line to a database row; more often helps nobody


@dataclass(frozen=True, slots=True)
class ProgressLine:
    """Where a stage stands. ``eta_s`` is None until it can be guessed."""

    stage: str
    step: int
    total: int
    eta_s: float | None
    message: str


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """Something a person should know that is no fault: no pretrained weights, strategy chosen."""

    stage: str
    message: str


@dataclass(frozen=True, slots=True)
class ProblemLine:
    """A user-level fault; the stage exits with status 2."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class ResultLine:
    """The stage's ``result.json``, once it has been written."""

    stage: str
    result: Mapping[str, Any]


Line = ProgressLine | NoticeLine | ProblemLine | ResultLine


def parse_line(text: str) -> Line | None:
    """The event on one line of a stage's stdout, or None for anything else (a library's chatter, a newer event)."""
    try:
        raw = json.loads(text)
    except ValueError:
        return None
    read = _READERS.get(str(raw.get("event"))) if isinstance(raw, dict) else None
    return read(raw) if read else None


def _read_progress(raw: Mapping[str, Any]) -> Line:
    eta = raw.get("eta_s")
    left = float(eta) if isinstance(eta, int | float) else None
    return ProgressLine(_text(raw, "stage"), _whole(raw, "step"), _whole(raw, "total"), left, _text(raw, "message"))


def _read_problem(raw: Mapping[str, Any]) -> Line:
    return ProblemLine(Problem(*(_text(raw, part) for part in ("what", "value", "allowed", "do"))))


def _read_result(raw: Mapping[str, Any]) -> Line:
    result = raw.get("result")
    return ResultLine(_text(raw, "stage"), result if isinstance(result, dict) else {})


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Line]] = {
    "progress": _read_progress,
    "notice": lambda raw: NoticeLine(_text(raw, "stage"), _text(raw, "message")),
    "problem": _read_problem,
    "result": _read_result,
}


def _text(raw: Mapping[str, Any], name: str) -> str:
    return str(raw.get(name, ""))


def _whole(raw: Mapping[str, Any], name: str) -> int:
    value = raw.get(name)
    return int(value) if isinstance(value, int | float) else 0


@dataclass(slots=True)
class Progress:
    """Writes a stage's lines. ``human`` writes sentences with percentages to stderr instead of JSON to stdout.

    ``report`` may be called as often as the caller likes: lines closer than half a second are dropped,
    except the first and the last of a total.
    """

    stage: str
    human: bool = False
    out: TextIO | None = None
    _started: float = field(default_factory=time.monotonic)
    _last: float = 0.0
    _phase: tuple[int, str] = (0, "")

    def report(self, step: int, total: int, message: str = "", *, eta_s: float | None = None) -> None:
        """``step`` of ``total`` is done. Without ``eta_s`` the rest is guessed from the pace since this total began."""
        now = time.monotonic()
        if (total, message) != self._phase:
            self._phase, self._started, self._last = (total, message), now, 0.0
        if self._last and now - self._last < MIN_SECONDS_BETWEEN_LINES and step < total:
            return
        self._last = now
        if eta_s is None and step > 0:
            eta_s = (now - self._started) / step * max(total - step, 0)
        rounded = None if eta_s is None else round(eta_s, 1)
        line = {
            "event": "progress",
            "stage": self.stage,
            "step": step,
            "total": total,
            "eta_s": rounded,
            "message": message,
        }
        share = f"{100 * step / total:3.0f}%" if total else "    "
        left = "" if not rounded else f", about {rounded:.0f} s left"
        self._write(line, f"{self.stage:<9}{share} {message or 'working'} {step}/{total}{left}")

    def notice(self, message: str) -> None:
        """Tells people something that is no fault."""
        self._write({"event": "notice", "stage": self.stage, "message": message}, f"{self.stage:<9}note: {message}")

    def problem(self, problem: Problem) -> None:
        """Tells people what they must correct."""
        self._write({"event": "problem", **problem.to_json()}, f"{self.stage:<9}problem: {problem.sentence()}")

    def result(self, result: Mapping[str, Any]) -> None:
        """The last line: the stage is finished and ``result.json`` is in place."""
        self._write({"event": "result", "stage": self.stage, "result": result}, f"{self.stage:<9}done")

    def _write(self, line: Mapping[str, Any], sentence: str) -> None:
        stream = self.out or (sys.stderr if self.human else sys.stdout)
        text = sentence if self.human else json.dumps(line, ensure_ascii=False, sort_keys=True)
        stream.write(text + "\n")
        stream.flush()

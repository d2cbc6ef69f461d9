"""What a person did wrong: what happened, the value, what is allowed, what to do. Standard library only."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One user-level fault. ``value`` is shown as given, cut to a readable length."""

    what: str
    value: str = ""
    allowed: str = ""
    do: str = ""

    def to_json(self) -> dict[str, str]:
        """The four parts, as the ``problem`` line carries them."""
        return asdict(self)

    def sentence(self) -> str:
        """One short paragraph for a terminal or a screen reader."""
        parts = [self.what + (f" ({self.value})" if self.value else "")]
        if self.allowed:
            parts.append(f"Allowed: {self.allowed}")
        if self.do:
            parts.append(self.do)
        return ". ".join(part.rstrip(".") for part in parts) + "."


class ProblemsFoundError(Exception):
    """Everything wrong with the input at once: one correction suffices. The command prints these and exits 2."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(problem.sentence() for problem in self.problems))


class PhotosMissingError(ProblemsFoundError):
    """A photo's bytes are not in the work folder; a supervisor may bring all, and run the stage again."""


def a_problem(what: str, value: object = "", allowed: str = "", do: str = "") -> ProblemsFoundError:
    """Builds the exception for a single problem; the caller raises it."""
    return ProblemsFoundError([Problem(what, shown(value), allowed, do)])


def shown(value: object, limit: int = 200) -> str:
    """The value as a person can recognise it, never a screenful."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


class Checker:
    """Reads fields of a JSON object, gathering every fault instead of stopping at the first.

    A faulty field reads as the default, so that reading goes on; ``finish`` raises if anything was wrong.
    """

    def __init__(self, raw: object, *, name: str, fields: Iterable[str]) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.raw: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        known = tuple(fields)
        if not isinstance(raw, Mapping):
            self.refuse(name, raw, "a JSON object", "Correct the file.", whole=True)
        for key in sorted(set(map(str, self.raw)) - set(known)):
            self.refuse(key, self.raw.get(key), f"the fields {', '.join(known)}", "Remove it or correct its name.")

    def refuse(self, field: str, value: object, allowed: str, do: str = "Correct it.", *, whole: bool = False) -> None:
        """Notes one fault."""
        what = f"{field} is not usable" if whole else f"{field} in {self.name} is not usable"
        self.problems.append(Problem(what, shown(value), allowed, do))

    def text(self, field: str, default: str | None = None, *, choices: Iterable[str] = ()) -> str:
        """A non-empty string, one of ``choices`` where given."""
        value, allowed = self.raw.get(field, default), tuple(choices)
        if isinstance(value, str) and value and (not allowed or value in allowed):
            return value
        self.refuse(field, value, f"one of {', '.join(allowed)}" if allowed else "a non-empty text")
        return default or (allowed[0] if allowed else "")

    def integer(self, field: str, default: int | None = None, *, low: int = 0, high: int = 2**63 - 1) -> int:
        """A whole number from ``low`` to ``high``."""
        value = self.raw.get(field, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.refuse(field, value, f"a whole number from {low} to {high}")
        return default if default is not None else low

    def number(self, field: str, default: float | None = None, *, low: float, high: float) -> float:
        """A finite number from ``low`` to ``high``."""
        value = self.raw.get(field, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        self.refuse(field, value, f"a number from {low} to {high}")
        return default if default is not None else low

    def flag(self, field: str, *, default: bool | None = None) -> bool:
        """True or false."""
        value = self.raw.get(field, default)
        if isinstance(value, bool):
            return value
        self.refuse(field, value, "true or false")
        return bool(default)

    def take(self, other: "Checker") -> None:
        """Adds the faults of a part to those of the whole."""
        self.problems += other.problems

    def finish(self) -> None:
        """Raises ``ProblemsFoundError`` with everything found; returns if nothing was."""
        if self.problems:
            raise ProblemsFoundError(self.problems)

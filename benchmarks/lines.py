"""What a benchmark prints: one JSON line a figure, so that two runs can be compared by a program."""

import json


def emit(
    name: str,
    value: float,
    *,
    baseline: float | None = None,
    ratio: float | None = None,
    target: float | None = None,
    met: bool | None = None,
) -> None:
    """Prints one figure.

    ``baseline`` is what ``value`` is compared with and ``ratio`` the value divided by it; ``target`` is what must be
    reached and ``met`` says whether it was. None: there is no such thing for this figure.
    """
    line = {"name": name, "value": value, "baseline": baseline, "ratio": ratio, "target": target, "met": met}
    print(json.dumps(line, allow_nan=False), flush=True)


def skip(name: str, why: str) -> None:
    """Prints that an area could not be measured here, and what is missing."""
    print(json.dumps({"skipped": name, "why": why}), flush=True)

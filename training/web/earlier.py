"""A night beside those before it: drawn, as a table, and what was new."""

from collections.abc import Sequence
from typing import Any

from django.template.defaultfilters import filesizeformat

from training.domain import reports
from training.models import Run
from training.web import charts, words

NIGHTS = 30


def describe(nights: Sequence[Run]) -> dict[str, Any]:
    """What the page says of the first of the nights (newest first) among the others."""
    measured = [reports.summary(run)["artifacts"] for run in nights]
    name = _choose_file(measured)
    rows = [
        {**words.describe_night(run), **_size_of(name, artifacts)}
        for run, artifacts in zip(nights, measured, strict=True)
    ]
    return {
        "earlier_rows": rows if len(rows) > 1 else [],
        "earlier_charts": [
            {"title": title, "sizes": drawn}
            for title, drawn in (
                ("Golden accuracy", charts.accuracy_over_nights(rows)),
                (f"Size of the file “{name}”", charts.bytes_over_nights(rows, name)),
            )
            if drawn
        ],
        "file_name": name,
        "news": _describe_news(reports.news_since(nights)),
    }


def _choose_file(measured: Sequence[list[dict[str, Any]]]) -> str:
    """The smallest file of the latest night that wrote any: what most phones fetch. Empty where none did."""
    latest = next((artifacts for artifacts in measured if artifacts), [])
    return words.name_of(min(latest, key=lambda one: one["bytes"])) if latest else ""


def _size_of(name: str, artifacts: list[dict[str, Any]]) -> dict[str, Any]:
    size = next((one["bytes"] for one in artifacts if words.name_of(one) == name), None)
    return {"bytes": size, "bytes_words": words.NOTHING if size is None else filesizeformat(size)}


def _describe_news(news: dict[str, Any] | None) -> dict[str, Any] | None:
    if news is None:
        return None
    changes = [_say_change(news["photos"], "photo"), _say_change(news["volunteers"], "volunteer")]
    changes += [f"new label: {name}" for name in news["new_labels"]]
    changes += [f"label no longer taught: {name}" for name in news["gone_labels"]]
    grown = sorted(news["grown"], key=lambda each: -each[1])
    return {"night": news["night"], "changes": changes, "grown": [(name, f"{count:,} more") for name, count in grown]}


def _say_change(difference: int, what: str) -> str:
    if difference == 0:
        return f"as many {what}s as before"
    many = "" if abs(difference) == 1 else "s"
    return f"{abs(difference):,} {'more' if difference > 0 else 'fewer'} {what}{many}"

"""When the candidate answers "none of these", and what that does to golden photos."""

from typing import Any

from training.domain import reports
from training.models import Run
from training.web.words import NOTHING, percent

KINDS = ("negatives", "right", "wrong")


def describe(run: Run) -> dict[str, Any]:
    """``rejection``: rows in words, or ``why`` there are none; None where this night did not look."""
    found = reports.rejection(run)
    if found is None:
        return {"rejection": None}
    rows = [
        {
            "cost": row["cost"],
            "is_used": row["cost"] == found["cost"],
            "threshold": percent(row["threshold"]),
            **{kind: _say(row[kind]) for kind in KINDS},
        }
        for row in found["thresholds"]
    ]
    return {"rejection": {"rows": rows, "why": found["why"], **found["learned_from"]}}


def _say(share: dict[str, Any] | None) -> dict[str, str]:
    if share is None:
        return {"words": NOTHING, "interval": "none to measure on"}
    ends = f"{percent(share['low'])} to {percent(share['high'])} of {share['photos']:,}"
    return {"words": percent(share["share"]), "interval": ends}

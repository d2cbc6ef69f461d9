"""Whose photos helped the night's model, for the project's admins: names beside figures are nobody else's business."""

from datetime import date
from typing import Any

from collector.domain import contributions
from collector.models import Contribution, Project


def describe(project: Project, night: date) -> list[dict[str, Any]]:
    """A row for each volunteer measured that night, those who helped most first: one query for them, one for labels."""
    rows = contributions.of_night(project, night)
    names = dict(project.labels.values_list("slug", "name")) if rows else {}
    return [_describe(row, names) for row in rows]


def _describe(row: Contribution, names: dict[str, str]) -> dict[str, Any]:
    gained = sorted(row.labels.items(), key=lambda pair: (-pair[1], pair[0]))
    return {
        "name": str(row.volunteer.merged_into or row.volunteer),
        "photos": row.photos,
        "fixed": row.fixed,
        "broken": row.broken,
        "interval": f"{row.low:,} to {row.high:,}".replace("-", "\N{MINUS SIGN}"),
        "told": f"{row.fixed - row.broken:,}" if contributions.is_sure(row) else "no change yet",
        "labels": ", ".join(f"{names.get(slug, slug)} ({count:,})" for slug, count in gained),
    }

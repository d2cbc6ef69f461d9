"""What a project has enough of, and what it lacks."""

from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from collector.domain import coverage, projects
from collector.domain.coverage import PROTOTYPE, ROBUST, Cell, Coverage
from collector.enums import ConditionAxis

LISTED = 8  # the weakest ones: as many as a person would act on
BAR = ROBUST * 6 // 5  # a bar is full a little behind the last mark


@require_GET
@login_required
@never_cache
def show_coverage(request: HttpRequest, slug: str) -> HttpResponse:
    """Accepted photos by label and by condition, the weakest first."""
    project = projects.get_project(slug)
    projects.require_reviewer(project, request.user)
    found = coverage.measure_coverage(project)
    page = {
        "project": project,
        "weakest": [(cell, say_missing(cell)) for cell in found.weakest(LISTED)],
        "labels": [(row.total, min(row.total.count, BAR), say_missing(row.total)) for row in found.rows],
        "axes": group_axes(found),
        "coverage": found,
        "bar": {"full": BAR, "prototype": PROTOTYPE, "robust": ROBUST},
    }
    return render(request, "collector/coverage.html", page)


def say_missing(cell: Cell) -> str:
    """How far it is to the next mark, in words."""
    if not cell.missing:
        return "enough for a robust model"
    return f"{cell.missing} more for a {'prototype' if cell.count < PROTOTYPE else 'robust model'}"


def group_axes(found: Coverage) -> list[dict[str, Any]]:
    """The conditions' axes as they stand above the table, and how many columns each spans."""
    return [
        {"name": ConditionAxis(axis).label, "span": len(list(these))}
        for axis, these in groupby(found.conditions, key=lambda condition: condition.axis)
    ]

"""The start page: my projects, what waits in each, what came of last night, and what phones get."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from collector.domain import projects, queues
from collector.models import Project
from modelhub.domain import releases
from training.domain import queries
from training.web import words


@require_GET
@login_required
@never_cache
def show_home(request: HttpRequest) -> HttpResponse:
    """Every project this person may review, however many in the same number of queries."""
    mine = list(projects.projects_of(request.user))
    return render(request, "config/home.html", {"rows": describe_projects(mine)})


def describe_projects(mine: list[Project]) -> list[dict[str, Any]]:
    """One row a project: how many photos wait, the latest night, the latest release."""
    waiting = queues.count_waiting(mine)
    nights = queries.latest_runs(mine)
    published = releases.latest_of([project.slug for project in mine])
    return [
        {
            "project": project,
            "waiting": waiting.get(project.pk, 0),
            "night": words.describe_night(nights[project.pk]) if project.pk in nights else None,
            "release": published.get(project.slug),
        }
        for project in mine
    ]

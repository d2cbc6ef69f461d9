"""The list of nights, and one night: what was decided, from what, and how far it is while it runs."""

from datetime import date

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from collector.enums import Role
from foundation.problems import Problem
from training.domain import queries
from training.web import charts, earlier, helped, judged, networks, rejection, reliability, suspected, tradeoffs, words
from training.web.access import require_access

NIGHTS_A_PAGE = 30


@require_GET
@login_required
@never_cache
def list_runs(request: HttpRequest, slug: str) -> HttpResponse:
    """The newest nights, or those before ``?before=``."""
    project, _ = require_access(request, slug)
    found = queries.runs_of(project)
    if before := _read_night(request.GET.get("before", "")):
        found = found.filter(night__lt=before)
    runs = list(found[: NIGHTS_A_PAGE + 1])
    rows = [words.describe_night(run) for run in runs[:NIGHTS_A_PAGE]]
    page = {"project": project, "rows": rows, "charts": charts.accuracy_over_nights(rows), "before": before}
    older = rows[-1]["night"] if len(runs) > NIGHTS_A_PAGE else None
    return render(request, "training/runs.html", {**page, "older": older})


@require_GET
@login_required
@never_cache
def show_run(request: HttpRequest, slug: str, night: date) -> HttpResponse:
    """One night in figures and words."""
    project, role = require_access(request, slug)
    run = queries.get_run(project, night)
    beside = earlier.describe(queries.nights_until(run, earlier.NIGHTS))
    page = {
        "project": project,
        "run": run,
        **words.describe_run(run),
        **networks.describe(run),
        **judged.describe(project, run),
        **beside,
        **reliability.describe(run),
        **rejection.describe(run),
        **tradeoffs.describe(run),
        **suspected.describe(project, night),
        "people": helped.describe(project, night) if role == Role.ADMIN else None,
    }
    return render(request, "training/run.html", page)


@require_GET
@never_cache
def show_progress(request: HttpRequest, slug: str, night: date) -> JsonResponse:
    """Where the night stands, for the page that watches it."""
    if not request.user.is_authenticated:
        raise Problem("sign-in-needed", 401, "You are signed out.", do="Sign in, then try again.")
    project, _ = require_access(request, slug)
    return JsonResponse(words.describe_progress(queries.get_run(project, night)))


def _read_night(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Problem(
            "malformed-night", 400, f"{text!r} is not a night.", allowed="a date such as 2026-11-21", do="Correct it."
        ) from error

"""The review page, and the addresses its script talks to."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from collector.domain import decisions, filters, holds, projects, queues, undoing
from collector.domain.filters import Filter
from collector.enums import LabelState, RejectReason, Role, Shown
from collector.models import Project
from collector.web import reading, showing
from foundation.models import User
from foundation.problems import Problem

BATCH = 24  # photos sent at a time: a minute of fast work in the single view
GRID = 60  # and one screen of the grid


@require_GET
@login_required
@ensure_csrf_cookie  # the page's script reads it for every decision
@never_cache
def show_page(request: HttpRequest, slug: str) -> HttpResponse:
    """The page with its first photos inside, so that the first one shows without a second request for data."""
    project, user, role = require_access(request, slug)
    query = {name: str(text) for name, text in request.GET.items() if text and name != "view"}
    chosen = filters.read_filter(query)
    is_grid = request.GET.get("view") == "grid"
    start = {
        **_batch(project, chosen, user, "", GRID if is_grid else BATCH),
        "urls": {name: reverse(f"review_{name}", args=[slug]) for name in ("queue", "decisions", "undo", "release")},
        "login_url": reverse("login"),
        "history": [showing.past(decision) for decision in undoing.past(project, by=user)],
        "query": chosen.as_query(),
        "slug": slug,
        "user": user.pk,
        "again": chosen.shown != Shown.WAITING,
        "may_decide": chosen.shown == Shown.WAITING or projects.RANKS.index(role) >= projects.RANKS.index(Role.LEAD),
    }
    fields = showing.filter_fields(project, chosen)
    page = {
        "project": project,
        "role": role,
        "start": start,
        "labels": project.labels.exclude(state=LabelState.RETIRED),
        "reasons": [reason for reason in RejectReason if reason != RejectReason.PRIVACY],
        "view": "grid" if is_grid else "single",
        "chosen": chosen,
        "filters": fields,
        "chosen_words": showing.chosen_words(fields, chosen),
    }
    return render(request, "collector/review.html", page)


@require_GET
@never_cache
def list_queue(request: HttpRequest, slug: str) -> JsonResponse:
    """The next photos: ``{photos, after, left}``. ``after`` and ``limit`` besides the filter's parameters."""
    project, user, _ = require_access(request, slug)
    query = {name: str(text) for name, text in request.GET.items()}
    after, limit = query.pop("after", ""), reading.read_count(query.pop("limit", str(BATCH)), most=queues.MOST)
    return JsonResponse(_batch(project, filters.read_filter(query), user, after, limit))


@require_POST
@never_cache
def take_decision(request: HttpRequest, slug: str) -> JsonResponse:
    """Take ``{decision, verdicts, again}`` and answer ``{results}``, one a verdict: ``{photo, model}`` or a problem."""
    project, user, _ = require_access(request, slug)
    sent = reading.read_decision(request.body)
    outcomes = decisions.decide(project, sent.decision, sent.verdicts, by=user, again=sent.again)
    return JsonResponse({"results": [showing.outcome(outcome) for outcome in outcomes]})


@require_POST
@never_cache
def undo_decision(request: HttpRequest, slug: str) -> JsonResponse:
    """Take back ``{decision}`` and answer ``{photos}``, which wait again."""
    project, user, _ = require_access(request, slug)
    photos = undoing.undo(project, reading.read_undo(request.body), by=user)
    return JsonResponse({"photos": [showing.photo(photo) for photo in photos]})


@require_POST
@never_cache
def release_photos(request: HttpRequest, slug: str) -> HttpResponse:
    """The page is going away: let others have the photos named in ``photos``, a list with commas."""
    project, user, _ = require_access(request, slug)
    ids = [reading.read_uuid(text) for text in request.POST.get("photos", "").split(",") if text]
    holds.release(project, ids[: queues.MOST], by=user)
    return HttpResponse(status=204)


def require_access(request: HttpRequest, slug: str, least: Role = Role.REVIEWER) -> tuple[Project, User, Role]:
    """The project, the user and their role. Raises Problem ``sign-in-needed``, ``unknown-project`` or ``not-a-...``."""
    if not isinstance(request.user, User):  # a script asked: words it can show, not a redirect it would follow
        raise Problem("sign-in-needed", 401, "You are signed out.", do="Sign in, then try again.")
    project = projects.get_project(slug)
    return project, request.user, projects.require_role(project, request.user, least)


def _batch(project: Project, chosen: Filter, user: User, after: str, limit: int) -> dict[str, Any]:
    page = queues.serve(project, chosen, by=user, after=after, limit=limit)
    left, most = queues.count(project, chosen)
    described = [showing.photo(photo, page.members.get(photo.pk, [])) for photo in page.photos]
    return {"photos": described, "after": page.after, "left": left, "most": most}

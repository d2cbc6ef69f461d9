"""Taking many decisions back: choose, look, confirm, watch."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from collector.domain import filters, reverts
from collector.domain.reverts import Scope
from collector.enums import Role
from collector.models import Revert
from collector.web.review import require_access
from foundation.problems import Problem

READERS: dict[str, Callable[[str], Any]] = {
    "reviewer": filters.read_number,
    "volunteer": uuid.UUID,
    "device": filters.read_number,
}
RECENT = 20


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def show_reverts(request: HttpRequest, slug: str) -> HttpResponse:
    """A form; with its fields in the address, a preview; posted, the start."""
    project, user, _ = require_access(request, slug, Role.LEAD)
    if request.method == "POST":
        newest = _read_newest(request.POST.get("newest", ""))
        revert = reverts.start(project, read_scope(request.POST), newest, by=user)
        return redirect("review_revert", slug, revert.pk)
    scope = read_scope(request.GET)
    page: dict[str, Any] = {
        "project": project,
        "members": project.members.order_by("email"),
        "said": request.GET,
        "preview": reverts.preview(project, scope, by=user) if scope != Scope() else None,
        "most": reverts.COUNTED,
        "recent": Revert.objects.filter(project=project).select_related("by").order_by("-pk")[:RECENT],
    }
    return render(request, "collector/reverts.html", page)


@require_GET
@login_required
@never_cache
def show_revert(request: HttpRequest, slug: str, revert_id: int) -> HttpResponse:
    """How far one is."""
    project, _, _ = require_access(request, slug, Role.LEAD)
    revert = get_object_or_404(Revert.objects.select_related("by"), pk=revert_id, project=project)
    return render(request, "collector/revert.html", {"project": project, "revert": revert})


def read_scope(said: QueryDict) -> Scope:
    """The form's fields. Raises Problem ``invalid-scope``."""
    read: dict[str, Any] = {}
    for name, text in said.items():
        if name not in {*READERS, "since", "until"} or not text:
            continue
        try:
            read[name] = READERS[name](str(text)) if name in READERS else _moment(str(text))
        except ValueError as error:
            raise _invalid(name, str(text)) from error
    return Scope(**read)


def _read_newest(text: str) -> int:
    try:
        return filters.read_number(text)
    except ValueError as error:
        raise _invalid("newest", text) from error


def _moment(text: str) -> dt.datetime:
    """As a browser's field writes it, in UTC."""
    moment = dt.datetime.fromisoformat(text)
    return timezone.make_aware(moment, dt.UTC) if timezone.is_naive(moment) else moment


def _invalid(name: str, text: str) -> Problem:
    return Problem(
        "invalid-scope",
        400,
        f"The {name} {text[:60]!r} cannot be used.",
        allowed="reviewer and device: numbers; volunteer: a UUID; since and until: 2026-11-21T14:00.",
        do="Correct the form.",
    )

"""The review page, and the two addresses it talks to."""

import json
import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from collector.domain import decisions, projects, reviews
from collector.domain.decisions import Decision
from collector.enums import LabelState, RejectReason, ReviewAction
from collector.models import Photo, Project
from foundation.models import User
from foundation.problems import Problem

BATCH = 20  # photos sent at a time: enough for a minute of fast work, small enough to stay fresh


@require_GET
@login_required
@ensure_csrf_cookie  # the page's script reads it for every decision
@never_cache
def show_page(request: HttpRequest, slug: str) -> HttpResponse:
    """The page with its first photos inside, so that the first one shows without a second request for data."""
    project, user = _require_access(request, slug)
    urls = {f"{name}_url": reverse(f"review_{name}", args=[slug]) for name in ("queue", "decisions")}
    start = {**_batch(project, None), **urls, "slug": slug, "user": user.pk, "login_url": reverse("login")}
    labels = project.labels.exclude(state=LabelState.RETIRED)
    page = {"project": project, "start": start, "labels": labels, "reasons": list(RejectReason)}
    return render(request, "collector/review.html", page)


@require_GET
@never_cache
def list_queue(request: HttpRequest, slug: str) -> JsonResponse:
    """The next photos after the one named by ``after``: ``{photos, left, end}``."""
    project, _ = _require_access(request, slug)
    after = request.GET.get("after", "")
    return JsonResponse(_batch(project, _read_uuid(after) if after else None))


@require_POST
@never_cache
def take_decision(request: HttpRequest, slug: str) -> JsonResponse:
    """Take ``{photo, action, reason, label}`` and answer ``{photo}``, which is null where no undo was left."""
    project, user = _require_access(request, slug)
    photo = decisions.take_decision(project, read_decision(request.body), by=user)
    return JsonResponse({"photo": describe_photo(photo) if photo else None})


def read_decision(body: bytes) -> Decision:
    """Read one decision. Raises Problem ``malformed-decision``, which says what was expected."""
    try:
        sent = json.loads(body)
        photo = _read_uuid(sent["photo"]) if sent.get("photo") else None
        action = ReviewAction(sent["action"])
        return Decision(action, photo, reason=str(sent.get("reason") or ""), label=str(sent.get("label") or ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(
            "malformed-decision",
            400,
            "This decision could not be read.",
            allowed=f"JSON with photo (a UUID), action ({', '.join(ReviewAction.values)}), reason and label.",
            do="Reload the page; if it happens again, tell whoever runs this server.",
        ) from error


def describe_photo(photo: Photo) -> dict[str, Any]:
    """What the page shows of one photo."""
    return {
        "id": str(photo.pk),
        "image": reverse("photo_image", args=[photo.pk, "normalised"]),
        "label": {"slug": photo.label.slug, "name": photo.label.name} if photo.label else None,
        "nickname": photo.volunteer.nickname,
        "challenge": photo.challenge.text if photo.challenge else "",
    }


def _require_access(request: HttpRequest, slug: str) -> tuple[Project, User]:
    if not isinstance(request.user, User):  # a script asked: words it can show, not a redirect it would follow
        raise Problem("sign-in-needed", 401, "You are signed out.", do="Sign in, then try again.")
    project = projects.get_project(slug)
    projects.require_reviewer(project, request.user)
    return project, request.user


def _batch(project: Project, after: uuid.UUID | None) -> dict[str, Any]:
    waiting = reviews.queue(project, after=after, limit=BATCH)
    left = reviews.awaiting_review(project).count()
    return {"photos": [describe_photo(photo) for photo in waiting], "left": left, "end": len(waiting) < BATCH}


def _read_uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Problem(
            "malformed-id", 400, f"{text!r} is not the id of a photo.", allowed="a UUID", do="Reload the page."
        ) from error

"""One photo's history and all that is known of it; a reviewer's own pace."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from collector.domain import appeals, opinions, paces
from collector.enums import DECIDED, PhotoState, Remark, Role
from collector.models import Photo
from collector.web.review import require_access

OTHERS = 12  # photos of the same volunteer


@require_GET
@login_required
@never_cache
def show_photo(request: HttpRequest, slug: str, photo_id: uuid.UUID) -> HttpResponse:
    """Everything about one photo. What the model took it for is told once somebody has decided."""
    project, user, role = require_access(request, slug)
    photos = Photo.objects.filter(project=project).select_related("label", "claimed_label", "challenge", "volunteer")
    photo = get_object_or_404(photos, pk=photo_id)
    # What was said before must not colour the reader's vote, nor tell that theirs will not be the first.
    is_open = photo.state == PhotoState.AWAITING_REVIEW or opinions.is_awaited(user, photo)
    is_decided = not is_open and photo.state in DECIDED
    others = photos.filter(volunteer=photo.volunteer, normalised_at__isnull=False).exclude(pk=photo.pk)
    page: dict[str, Any] = {
        "project": project,
        "photo": photo,
        "remarks": [Remark(remark).label for remark in photo.remarks],
        "measurements": sorted(photo.measurements.items()),
        "scores": sorted(photo.scores.items(), key=lambda pair: -pair[1])[:3] if is_decided else [],
        "reviews": [] if is_open else photo.reviews.select_related("reviewer", "label", "undoes").order_by("pk"),
        "is_open": is_open,
        "appeal": None if is_open else appeals.latest_appeal(photo),
        "others": others.exclude(state=PhotoState.DELETED).order_by("-received_at")[:OTHERS],
        "may_gild": is_decided and role != Role.REVIEWER,
    }
    return render(request, "collector/photo.html", page)


@require_POST
@login_required
def gild_photo(request: HttpRequest, slug: str, photo_id: uuid.UUID) -> HttpResponse:
    """Let a photo's answer measure reviewers from now on, or no longer."""
    project, user, _ = require_access(request, slug, Role.LEAD)
    opinions.settle(project, photo_id, is_gold=request.POST.get("gold") == "1", by=user)
    return redirect("review_photo", slug, photo_id)


@require_GET
@login_required
@never_cache
def show_pace(request: HttpRequest, slug: str) -> HttpResponse:
    """How fast and how well the reader works, shown to nobody else."""
    project, user, _ = require_access(request, slug)
    pace = paces.measure(project, user)
    return render(request, "collector/pace.html", {"project": project, "pace": pace, "days": paces.DAYS})

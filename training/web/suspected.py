"""Labels that look wrong, as pictures that lead to review."""

from datetime import date
from typing import Any

from django.urls import reverse

from collector.domain import suspicions
from collector.enums import Shown
from collector.models import Project, Suspicion
from training.web.words import NOTHING, percent

SHOWN = 12  # pictures


def describe(project: Project, night: date) -> dict[str, Any]:
    """``suspected``, the surest first, ``suspected_count`` in all, and where they wait: one query."""
    shown, count = suspicions.of_night(project, night, SHOWN)
    return {
        "suspected": [_describe(project, one) for one in shown],
        "suspected_count": count,
        "suspected_queue": reverse("review", args=[project.slug], query={"shown": Shown.SUSPECTED.value}),
    }


def _describe(project: Project, one: Suspicion) -> dict[str, Any]:
    label = one.photo.label
    return {
        "label": label.name if label else NOTHING,
        "likely": one.likely.name,
        "margin": percent(one.margin),
        "thumbnail": reverse("photo_image", args=[one.photo_id, "thumbnail"]),
        "details": reverse("review_photo", args=[project.slug, one.photo_id]),
    }

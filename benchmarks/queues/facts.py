"""``python -m benchmarks.queues.facts``: sessions, cursors and ids of one database, as JSON."""

import json
from typing import Any

import django

django.setup()

from django.db.models import Count  # noqa: E402 -- after setup
from django.test import Client  # noqa: E402

from benchmarks.queues.asking import SLUG  # noqa: E402
from collector.domain import filters, queues  # noqa: E402
from collector.enums import ReviewOrder  # noqa: E402
from collector.models import Photo, Project  # noqa: E402
from foundation.models import User  # noqa: E402

PAGE, FAR = 60, 500


def main() -> None:
    """Print them."""
    project = Project.objects.get(slug=SLUG)
    facts = {
        "sessions": [_session(user) for user in User.objects.filter(projects=project).order_by("pk")],
        "far": {order.value: _cursor(project, order) for order in ReviewOrder},
        "filters": filters_of(project),
    }
    print(json.dumps(facts))


def _session(user: User) -> dict[str, str]:
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    client.get(f"/review/{SLUG}/")
    return {name: morsel.value for name, morsel in client.cookies.items()}


def _cursor(project: Project, order: ReviewOrder) -> str:
    """Where page 500 starts, or the middle where there are not so many."""
    column = filters.ORDERS[order]
    tie = "-id" if column.startswith("-") else "id"
    ordered = filters.select(project, filters.Filter()).order_by(column, tie)
    at = min(PAGE * (FAR - 1), ordered.count() // 2)
    photo: Photo = ordered[at]
    return queues.write_cursor(photo, column.removeprefix("-"))


def filters_of(project: Project) -> dict[str, dict[str, str]]:
    """Each filter alone, on what there is most of, and the three commonest pairs."""
    waiting = filters.select(project, filters.Filter())
    heaviest: Any = waiting.values("volunteer").annotate(count=Count("pk")).order_by("-count").first() or {}
    volunteer, day = str(heaviest["volunteer"]), str(waiting.order_by("-received_at")[PAGE].received_at.date())
    label, condition = "label-3", "dim"
    challenge = str(project.challenges.order_by("-day")[3].pk)
    reviewer = str(project.members.order_by("pk")[2].pk)
    found: dict[str, dict[str, Any]] = {
        "label": {"label": label},
        "challenge": {"challenge": challenge},
        "condition": {"condition": condition},
        "volunteer": {"volunteer": volunteer},
        "remark": {"remark": "too_dark"},
        "disagreement": {"disagrees": "1"},
        "one day": {"since": day, "until": day},
        "accepted": {"shown": "accepted"},
        "rejected": {"shown": "rejected"},
        "disputed": {"shown": "disputed"},
        "reviewer": {"shown": "accepted", "reviewer": reviewer},
        "label and condition": {"label": label, "condition": condition},
        "label and remark": {"label": label, "remark": "too_dark"},
        "label and disagreement": {"label": label, "disagrees": "1"},
    }
    return found


if __name__ == "__main__":
    main()

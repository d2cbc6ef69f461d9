"""The model card of a night as a page to read or print, as Markdown, and as JSON."""

from datetime import date
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from training.domain import cards, queries, reports
from training.web.access import require_access
from training.web.words import name_of, percent, say_stability


@require_GET
@login_required
@never_cache
def show_card(request: HttpRequest, slug: str, night: date) -> HttpResponse:
    """To read, and to print."""
    return render(request, "training/card.html", _read(request, slug, night))


@require_GET
@login_required
@never_cache
def download_markdown(request: HttpRequest, slug: str, night: date) -> HttpResponse:
    """For a repository or a hub."""
    answer = render(request, "training/card.md", _read(request, slug, night), content_type="text/markdown")
    answer["Content-Disposition"] = f'attachment; filename="{slug}-{night}-model-card.md"'
    return answer


@require_GET
@login_required
@never_cache
def download_json(request: HttpRequest, slug: str, night: date) -> HttpResponse:
    """For programs."""
    answer = JsonResponse(_read(request, slug, night)["card"], json_dumps_params={"indent": 1, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="{slug}-{night}-model-card.json"'
    return answer


def _read(request: HttpRequest, slug: str, night: date) -> dict[str, Any]:
    """``card``, the plain figures, and the same in words beside them."""
    project, _ = require_access(request, slug)
    run = queries.get_run(project, night)
    card = cards.make_card(project, run)
    return {
        "project": project,
        "night": night,
        "card": card,
        "labels": [{**row, **_say(row["candidate"])} for row in card["labels"]],
        "conditions": [{**row, **_say(row)} for row in card["conditions"]],
        "files": [{**row, "name": name_of(row), **_say_file(row)} for row in card["files"]],
        "overall": _say(card["results"]),
        "purpose": _purpose(card),
        "not_for": _not_for(card),
        "limits": [said for said in _limits(card, reports.notices(run), reports.summary(run)) if said],
    }


def _purpose(card: dict[str, Any]) -> str:
    names = [row["name"] for row in card["labels"]]
    size = (card["input"] or {}).get("size")
    seen = f", which it sees as {size} x {size} pixels" if size else ""
    return (
        f"For the phone app of {card['project']['name']}: it says which of {len(names)} labels a photo shows "
        f"({', '.join(names)}). It expects photos as the app's camera takes them{seen}."
    )


def _not_for(card: dict[str, Any]) -> list[str]:
    missed = percent(1 - card["results"]["accuracy"])
    return [
        "Photos of anything else: left to itself it answers one of its labels, however unlike any of them a photo is.",
        f"Decisions in which a wrong answer harms somebody: it named {missed} of the golden photos wrongly.",
        "Recognising people, or telling anything about them: nobody taught it that, and nobody checked it.",
        "Other cameras, places and ways of holding things than its volunteers': nobody knows how well it does there.",
    ]


def _say(found: dict[str, Any] | None) -> dict[str, str]:
    if found is None:
        return {"share": "not judged", "interval": ""}
    share = found["recall"] if "recall" in found else found["accuracy"]
    return {"share": percent(share), "interval": f"{percent(found['low'])} to {percent(found['high'])}"}


def _say_file(row: dict[str, Any]) -> dict[str, str]:
    interval = f"{percent(row['low'])} to {percent(row['high'])}" if row["low"] is not None else ""
    return {"share": percent(row["golden_accuracy"]), "flips": percent(row["flips_vs_fp32"]), "interval": interval}


def _limits(card: dict[str, Any], notices: list[str], summary: dict[str, Any]) -> list[str]:
    rough = card["results"]["without_antialiasing"]
    calibration = card["results"]["calibration"]
    return [
        _say_threshold(card["results"]["rejection"]),
        f"Its probabilities are off by {percent(calibration['error'])} in the mean." if calibration else "",
        say_stability(summary["stability"]),
        f"Where an app shrinks photos without antialiasing, it is right on {percent(rough)}." if rough else "",
        "Photos of one volunteer are alike, and the intervals count photos: the truth may lie somewhat further off.",
        *notices,
    ]


def _say_threshold(rejection: dict[str, Any] | None) -> str:
    """From what probability on an app should answer, and what that does; or why nobody knows."""
    if rejection is None:
        return ""
    used = next((row for row in rejection["thresholds"] if row["cost"] == rejection["cost"]), None)
    if used is None:
        return f"When to answer none of these is not known: {rejection['why']}"
    caught, lost = (percent((used[kind] or {}).get("share")) for kind in ("negatives", "right"))
    return (
        f"Where it is less than {percent(used['threshold'])} sure, an app should answer none of these: so it does for "
        f"{caught} of photos that show no label, and for {lost} of those that it names rightly."
    )

"""How the night's candidate did on the golden photos: label by label, what for what, and its surest mistakes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from collector.models import Project
from training.domain import answers, queries, reports, sightings
from training.domain.answers import Answers
from training.enums import StageName
from training.models import Run
from training.web import charts
from training.web.words import NOTHING, percent

SHOWN = 12  # mistakes as pictures
NAMED = 3  # pairs of labels that the sentence beside the table names
LEVELS = 4  # shades of the table's cells


def describe(project: Project, run: Run) -> dict[str, Any]:
    """Labels, confusions and mistakes; ``answers_missing`` says in a sentence why there are none of the last two."""
    rows = reports.label_rows(run)
    names = {row["slug"]: row["name"] for row in rows}
    page = {
        **_describe_labels(sorted(rows, key=_by_weakness)),
        "confusions": None,
        "mistakes": [],
        "answers_missing": "",
    }
    try:
        found = answers.read_answers(run)
    except answers.AnswersMissingError as error:
        return {**page, "answers_missing": str(error)}
    return {**page, "confusions": _tabulate(found, names), "mistakes": _find_mistakes(project, run, found, names)}


def _by_weakness(row: dict[str, Any]) -> tuple[bool, float, float]:
    """Worst first, of equals the one that is known least well; labels without a result last."""
    candidate = row["candidate"]
    return (False, candidate["recall"], candidate["low"]) if candidate else (True, 0, 0)


def _describe_labels(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The rows in words, and drawn on one scale, which starts at ``drawn_from``."""
    models = ("candidate", "production")
    floor = charts.floor_of(min((row[model]["low"] for row in rows for model in models if row[model]), default=0))
    return {
        "labels": [{**row, **{model: _describe_share(row[model], floor) for model in models}} for row in rows],
        "is_judged": any(row["candidate"] for row in rows),
        "is_compared": any(row["production"] for row in rows),
        "drawn_from": f"{floor:.0%}",
    }


def _describe_share(found: dict[str, Any] | None, floor: float) -> dict[str, Any] | None:
    """A share and its interval in words, and as percent of the drawing's width."""
    if found is None:
        return None
    drawn = {f"{end}_at": round(100 * (found[end] - floor) / (1 - floor), 1) for end in ("recall", "low", "high")}
    ends = f"{percent(found['low'])} to {percent(found['high'])}"
    return {**found, **drawn, "words": percent(found["recall"]), "interval": ends}


def _tabulate(found: Answers, names: Mapping[str, str]) -> dict[str, Any]:
    """The table of what was taken for what, and its gist as a sentence."""
    slugs = [*names, *sorted({slug for pair in found.counts for slug in pair} - names.keys())]
    shown = answers.labels_to_show(found.counts, slugs)
    return {
        "said": _say_confusions(found, names),
        "photos": found.photos,
        "wrong": found.wrong,
        "left_out": len(slugs) - len(shown),
        "columns": [names.get(slug, slug) for slug in shown],
        "rows": [_row(truth, shown, found, names) for truth in shown],
    }


def _row(truth: str, shown: Sequence[str], found: Answers, names: Mapping[str, str]) -> dict[str, Any]:
    total = sum(count for (label, _), count in found.counts.items() if label == truth)
    cells = [
        {
            "count": (count := found.counts[truth, answer]),
            "tone": "right" if answer == truth else "wrong",
            "level": math.ceil(LEVELS * count / total) if total else 0,
        }
        for answer in shown
    ]
    return {"name": names.get(truth, truth), "cells": cells, "total": total}


def _say_confusions(found: Answers, names: Mapping[str, str]) -> str:
    wrong = [(pair, count) for pair, count in found.counts.items() if pair[0] != pair[1]]
    if not wrong:
        return f"All {found.photos:,} golden photos were named rightly."
    most = sorted(wrong, key=lambda each: (-each[1], each[0]))[:NAMED]
    said = ", ".join(f"{names.get(one, one)} taken for {names.get(other, other)} ({n:,})" for (one, other), n in most)
    were = "was" if found.wrong == 1 else "were"
    return f"{found.wrong:,} of {found.photos:,} golden photos {were} named wrongly. Most often: {said}."


def _find_mistakes(project: Project, run: Run, found: Answers, names: Mapping[str, str]) -> list[dict[str, Any]]:
    snapshot = queries.stages_of(run).get(StageName.SNAPSHOT)
    is_by_volunteer = not (snapshot and snapshot.result.get("optimistic"))
    seen = sightings.find_photos(project, found.surest, most=SHOWN, by_volunteer=is_by_volunteer)
    return [_describe_mistake(project, one, names) for one in seen]


def _describe_mistake(project: Project, seen: sightings.Sighting, names: Mapping[str, str]) -> dict[str, Any]:
    mistake, now = seen.mistake, seen.label_now
    return {
        "truth": names.get(mistake.truth, mistake.truth),
        "answer": names.get(mistake.answer, mistake.answer),
        "probability": percent(mistake.probability),
        "relabelled": "" if now == mistake.truth else names.get(now, now) or NOTHING,
        "thumbnail": reverse("photo_image", args=[seen.photo_id, "thumbnail"]),
        "details": reverse("review_photo", args=[project.slug, seen.photo_id]),
    }

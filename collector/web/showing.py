"""What the review page shows, as plain data for its script and its template."""

import uuid
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from django.db.models import TextChoices
from django.urls import reverse

from collector.domain import photos
from collector.domain.decisions import Outcome
from collector.domain.filters import NO_LABEL, Filter
from collector.domain.undoing import Past
from collector.enums import Remark, Shown
from collector.models import Photo, Project

NOBODY = uuid.UUID(int=0)  # no photo: stands where an id goes


def photo(shown: Photo, members: Sequence[uuid.UUID] = ()) -> dict[str, Any]:
    """One photo. What the model thinks of it is not among this: it is told after the vote."""
    challenge = shown.challenge
    return {
        "id": str(shown.pk),
        "image": image(shown.pk, "normalised"),
        "thumbnail": image(shown.pk, "thumbnail"),
        "details": reverse("review_photo", args=[shown.project.slug, shown.pk]),
        "label": {"slug": shown.label.slug, "name": shown.label.name} if shown.label else None,
        "nickname": shown.volunteer.nickname,
        "challenge": challenge.text if challenge else "",
        "conditions": [condition.name for condition in challenge.conditions.all()] if challenge else [],
        "remarks": [Remark(remark).label for remark in shown.remarks],
        "also": [{"id": str(member), "thumbnail": image(member, "thumbnail")} for member in members],
    }


def image(photo_id: uuid.UUID, kind: str) -> str:
    """Where a photo's pixels are."""
    return _address(kind).replace(str(NOBODY), str(photo_id))


@cache
def _address(kind: str) -> str:
    """Once for each kind: a page names hundreds of photos, and looking an address up takes as long as reading a row."""
    return reverse("photo_image", args=[NOBODY, kind])


def outcome(result: Outcome) -> dict[str, Any]:
    """One verdict's answer: what the model had thought, or the problem."""
    said: dict[str, Any] = {"photo": str(result.verdict.photo)}
    if result.problem is not None:
        return said | {"problem": result.problem.as_dict()}
    guess = photos.model_guess(result.photo) if result.photo else None
    return said | {"model": {"label": guess[0], "share": guess[1]} if guess else None}


def past(decision: Past) -> dict[str, Any]:
    """A decision of before the page was loaded, which undo can reach."""
    return {"decision": str(decision.decision), "words": decision.words}


def filter_fields(project: Project, chosen: Filter) -> list[dict[str, Any]]:
    """The filters as fields of a form: name, words, options ``(value, words, is chosen)``."""
    labels = [(label.slug, label.name) for label in project.labels.all()] + [(NO_LABEL, "not named")]
    conditions = [(condition.slug, condition.name) for condition in project.conditions.all()]
    members = [(str(user.pk), str(user)) for user in project.members.order_by("email")]
    recent = [(str(one.pk), f"{one.day}: {one.text}") for one in project.challenges.order_by("-day")[:60]]
    offered: list[tuple[str, str, list[tuple[str, str]]]] = [
        ("shown", "Photos", _said(Shown)),
        ("order", "Order", _said(chosen.orders)),
        ("label", "Label", labels),
        ("condition", "Condition", conditions),
        ("challenge", "Challenge", recent),
        ("remark", "Looks", _said(Remark)),
        ("disagrees", "Model", [("1", "disagrees with the claim")]),
        ("reviewer", "Decided by", members),
    ]
    said = chosen.as_query()
    return [
        {
            "name": name,
            "words": words,
            "any": name not in {"shown", "order"},
            "options": [(value, text, said.get(name, str(getattr(chosen, name))) == value) for value, text in options],
        }
        for name, words, options in offered
    ]


def chosen_words(fields: list[dict[str, Any]], chosen: Filter) -> list[str]:
    """What is filtered by, in the words of the form."""
    said = chosen.as_query()
    words = [text for field in fields for _, text, is_chosen in field["options"] if is_chosen and field["name"] in said]
    named = {"since": f"from {chosen.since}", "until": f"to {chosen.until}", "volunteer": "one volunteer"}
    return words + [text for name, text in {**named, "device": "one device"}.items() if name in said]


def _said(choices: Iterable[TextChoices]) -> list[tuple[str, str]]:
    return [(str(choice.value), str(choice.label)) for choice in choices]

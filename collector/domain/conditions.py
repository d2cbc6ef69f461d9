"""Circumstances that challenges ask for, along a few axes. Every project starts with the same ones."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max

from collector.enums import ConditionAxis
from collector.models import Condition, Project
from foundation.problems import Problem

USUAL = (
    (ConditionAxis.LIGHT, "bright", "bright light"),
    (ConditionAxis.LIGHT, "dim", "dim light"),
    (ConditionAxis.LIGHT, "backlit", "against the light"),
    (ConditionAxis.DISTANCE, "near", "very close"),
    (ConditionAxis.DISTANCE, "far", "far away"),
    (ConditionAxis.ANGLE, "above", "from straight above"),
    (ConditionAxis.ANGLE, "tilted", "from the side"),
    (ConditionAxis.BACKGROUND, "plain", "plain background"),
    (ConditionAxis.BACKGROUND, "busy", "busy background"),
    (ConditionAxis.OCCLUSION, "folded", "folded or crumpled"),
    (ConditionAxis.OCCLUSION, "held", "held in a hand"),
    (ConditionAxis.OCCLUSION, "covered", "partly covered"),
)


def add_usual(project: Project) -> None:
    """Give a new project the usual conditions."""
    rows = [
        Condition(project=project, axis=axis, slug=slug, name=name, position=position)
        for position, (axis, slug, name) in enumerate(USUAL)
    ]
    Condition.objects.bulk_create(rows)


def set_condition(
    project: Project, slug: str, *, name: str = "", axis: str = "", is_retired: bool = False
) -> Condition:
    """Add a condition after the others, or rename, move, retire or bring back the one with this slug, which stays.

    A retired one is asked for by no new challenge; what was gathered for it is kept.
    Raises Problem ``invalid-condition``.
    """
    known = project.conditions.filter(slug=slug).first()
    last = project.conditions.aggregate(last=Max("position"))["last"]
    condition = known or Condition(project=project, slug=slug, position=0 if last is None else last + 1)
    condition.name = name.strip() or condition.name
    condition.axis = axis or condition.axis
    condition.is_retired = is_retired
    try:
        condition.full_clean()
        with transaction.atomic():
            condition.save()
    except (ValidationError, IntegrityError) as error:
        raise Problem(
            "invalid-condition",
            400,
            f"The condition '{slug}' needs a slug, a name and an axis.",
            allowed=f"An axis of {', '.join(ConditionAxis.values)}; a slug of letters, digits, - and _.",
            do="Correct it and try again.",
        ) from error
    return condition


def get_conditions(project: Project, slugs: Iterable[str]) -> list[Condition]:
    """The project's conditions with these slugs, in the project's order. Raises Problem ``unknown-condition``."""
    known = {condition.slug: condition for condition in project.conditions.filter(is_retired=False)}
    wanted = set(slugs)
    if missing := wanted - set(known):
        raise Problem(
            "unknown-condition",
            404,
            f"{project} has no condition '{min(missing)}'.",
            allowed=", ".join(known),
            do="Use some of these.",
        )
    return [condition for slug, condition in known.items() if slug in wanted]

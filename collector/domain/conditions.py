"""Circumstances that challenges ask for, along a few axes. Every project starts with the same ones."""

from collections.abc import Iterable

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


def get_conditions(project: Project, slugs: Iterable[str]) -> list[Condition]:
    """The project's conditions with these slugs, in the project's order. Raises Problem ``unknown-condition``."""
    known = {condition.slug: condition for condition in project.conditions.all()}
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

"""A project's capture profile: what its camera may do to a photo, checked, changed, and said in words."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from collector.domain import projects
from collector.models import Project
from training.ml import contract


def check(raw: object) -> list[str]:
    """Every fault of a profile as a sentence: what, the value, what is allowed, what to do. Empty: it can be used.

    The setting ``PROJECT_CHECKS`` names this function, since the collector knows nothing of training.
    """
    try:
        contract.CaptureProfile.from_json(raw)
    except contract.ProblemsFoundError as error:
        return [problem.sentence() for problem in error.problems]
    return []


def change_profile(project: Project, changes: Mapping[str, Any], *, is_anew: bool = False) -> None:
    """Set some values and keep the others; ``is_anew`` forgets what was set before, so the others are the usual ones.

    Raises Problem ``invalid-project`` naming every fault, and then changes nothing.
    """
    with transaction.atomic():
        project.refresh_from_db(from_queryset=Project.objects.select_for_update())
        before = {} if is_anew else project.capture_profile
        projects.change_settings(project, capture_profile={**before, **changes})


def read_profile(project: Project) -> contract.CaptureProfile:
    """The profile the next night uses. Raises ``contract.ProblemsFoundError`` where it cannot be used."""
    return contract.CaptureProfile.from_json(project.capture_profile)


def say_profile(project: Project) -> list[str]:
    """A line for each way in which photos differ: "roll 12 degrees, usual: how crooked it is held".

    Raises ``contract.ProblemsFoundError`` where the profile cannot be used.
    """
    values = read_profile(project).to_json()
    return [
        f"{way.name} {values[way.name]:g} {way.unit}, {_compare(values[way.name], way.usual)}: {way.what}"
        for way in contract.WAYS
    ]


def _compare(value: float, usual: float) -> str:
    return "usual" if value == usual else f"usually {usual:g}"

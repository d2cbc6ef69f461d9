"""Circumstances that challenges ask for: added, renamed and retired, with a slug that stays."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from collector.domain import challenges, conditions
from collector.models import Condition, Project
from foundation.problems import Problem

pytestmark = pytest.mark.django_db


def test_new_condition_comes_after_the_others(notes: Project) -> None:
    conditions.set_condition(notes, "rain", name="in the rain", axis="light")
    assert [one.slug for one in notes.conditions.all()][-2:] == ["covered", "rain"]


def test_condition_is_renamed_and_keeps_its_slug_axis_and_place(notes: Project) -> None:
    before = notes.conditions.get(slug="dim")
    after = conditions.set_condition(notes, "dim", name="hardly any light")
    assert (after.pk, after.slug, after.axis, after.position) == (before.pk, "dim", before.axis, before.position)
    assert Condition.objects.get(pk=before.pk).name == "hardly any light"


def test_retired_condition_is_asked_for_by_no_new_challenge_and_stays_on_old_ones(notes: Project) -> None:
    day = challenges.local_day(notes)
    dim = conditions.get_conditions(notes, ["dim"])
    challenge = challenges.set_challenge(notes, day, text="A note in dim light", conditions=dim)
    conditions.set_condition(notes, "dim", is_retired=True)
    with pytest.raises(Problem) as refused:
        conditions.get_conditions(notes, ["dim"])
    assert refused.value.kind == "unknown-condition"
    assert [one.slug for one in challenge.conditions.all()] == ["dim"]
    conditions.set_condition(notes, "dim")
    assert conditions.get_conditions(notes, ["dim"])


@pytest.mark.parametrize(
    ("slug", "name", "axis"),
    [
        ("rain", "", "light"),
        ("rain", "in the rain", ""),
        ("rain", "in the rain", "weather"),
        ("in rain", "rain", "light"),
    ],
)
def test_condition_that_lacks_something_is_refused(notes: Project, slug: str, name: str, axis: str) -> None:
    with pytest.raises(Problem) as refused:
        conditions.set_condition(notes, slug, name=name, axis=axis)
    assert refused.value.kind == "invalid-condition"
    assert notes.conditions.count() == len(conditions.USUAL)


def test_command_adds_and_retires(notes: Project, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("set_condition", "notes", "rain", name="in the rain", axis="light")
    call_command("set_condition", "notes", "rain", retire=True)
    assert notes.conditions.get(slug="rain").is_retired
    assert capsys.readouterr().out.splitlines() == [
        "Notes: rain is 'in the rain', about light.",
        "Notes: rain is 'in the rain', about light, retired.",
    ]


def test_command_says_what_is_missing(notes: Project) -> None:
    with pytest.raises(CommandError, match="needs a slug, a name and an axis"):
        call_command("set_condition", "notes", "rain")

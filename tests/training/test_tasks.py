"""What beat and the doorbell do, and the settings they do it with."""

from datetime import timedelta

import pytest
from django.utils import timezone

from foundation import jobs
from foundation.enums import JobState
from foundation.problems import Problem
from tests.training import photos_kit as kit
from tests.training.nights_kit import NIGHT
from training import tasks
from training.domain import nights
from training.domain.folders import KIND
from training.enums import RunState
from training.models import Run

pytestmark = pytest.mark.django_db


def test_any_number_of_beats_add_one_run_a_project_and_night() -> None:
    for slug in ("one", "two"):
        kit.accept(kit.make_project(slug), kit.make_volunteers(1)[0], "five")
    kit.make_project("empty")
    for _ in range(3):
        tasks.start_nights()
    assert [(run.project.slug, run.night) for run in Run.objects.order_by("pk")] == [
        ("one", timezone.now().date()),
        ("two", timezone.now().date()),
    ]
    assert {jobs.find(KIND, str(run.pk)).state for run in Run.objects.all()} == {JobState.QUEUED}


def test_beat_leaves_a_failed_night_to_people() -> None:
    project = kit.make_project()
    kit.accept(project, kit.make_volunteers(1)[0], "five")
    run = nights.start_nights(NIGHT)[0]
    nights.run_night(run.pk)
    run = nights.start_nights(NIGHT)[0]
    assert run.state == RunState.FAILED
    assert nights.start_nights(NIGHT + timedelta(days=1))[0].state == RunState.QUEUED


def test_a_doorbell_for_a_night_that_is_done_or_unknown_does_nothing() -> None:
    tasks.run_night("4711")
    run = nights.find_or_add_run(kit.make_project(), NIGHT)
    nights.run_night(run.pk)
    tasks.run_night(str(run.pk))
    assert Run.objects.get().state == RunState.FAILED


def test_the_long_task_is_acknowledged_early_and_has_no_limit() -> None:
    task = tasks.run_night
    assert (task.name, task.acks_late, task.time_limit) == ("training.run_night", False, None)  # type: ignore[attr-defined]  # a task is a proxy to celery-types


def test_start_weights_are_chosen_before_a_night_begins() -> None:
    project = kit.make_project()
    run = nights.find_or_add_run(project, NIGHT, "scratch")
    assert nights.find_or_add_run(project, NIGHT, "imagenet").pretrained == "imagenet"
    Run.objects.filter(pk=run.pk).update(inputs={"spec": {"pretrained": "imagenet"}}, state=RunState.RUNNING)
    with pytest.raises(Problem, match="set out from the start weights imagenet, not scratch") as refusal:
        nights.find_or_add_run(project, NIGHT, "scratch")
    assert (refusal.value.kind, refusal.value.status) == ("night-begun", 409)

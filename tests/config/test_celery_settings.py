"""The settings that Redis with Celery needs to be safe, over every task there is."""

from typing import Any

import pytest
from celery import current_app
from django.conf import settings

from config.celery import QUEUES, ROUTES, VISIBILITY_TIMEOUT_S, app, beat_schedule, broker_url


@pytest.fixture(scope="module")
def tasks() -> dict[str, Any]:
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def test_all_rooms_have_their_tasks(tasks: dict[str, Any]) -> None:
    assert {"foundation.reconcile_jobs", "collector.normalise_photo", "training.run_night"} <= set(tasks)


def test_late_acknowledged_tasks_end_well_before_redis_delivers_them_again(tasks: dict[str, Any]) -> None:
    late = {name: task for name, task in tasks.items() if task.acks_late}
    assert late
    for name, task in late.items():
        assert task.time_limit, name
        assert task.soft_time_limit, name
        assert task.soft_time_limit < task.time_limit, name
        assert task.time_limit * 2 <= VISIBILITY_TIMEOUT_S, name
        assert task.retry_on_worker_lost, name
        assert task.max_retries == 2, name
        assert task.default_retry_delay * 2 <= VISIBILITY_TIMEOUT_S, name


def test_tasks_without_a_limit_are_acknowledged_early_and_have_queues_of_their_own(tasks: dict[str, Any]) -> None:
    long = {name for name, task in tasks.items() if not task.time_limit}
    slow = {"collector.erase_account", "collector.make_export", "training.mark_erasures", "training.tidy_features"}
    assert long == slow | {"training.run_night", "training.embed_shard"}
    assert not any(tasks[name].acks_late for name in long)
    assert {name for name, route in ROUTES.items() if route == {"queue": "slow"}} == slow
    assert ROUTES["training.run_night"] == ROUTES["training.embed_shard"] == {"queue": "train"}


def test_no_task_loops_when_its_worker_dies_or_time_runs_out(tasks: dict[str, Any]) -> None:
    for name, task in tasks.items():
        assert not task.reject_on_worker_lost, name
        assert task.acks_on_timeout is not False, name
        assert task.ignore_result, name


def test_visibility_timeout_is_the_same_in_all_three_places() -> None:
    conf = app.conf
    found = {
        conf.broker_transport_options["visibility_timeout"],
        conf.result_backend_transport_options["visibility_timeout"],
        conf.visibility_timeout,
    }
    assert found == {600}


def test_only_json_is_accepted() -> None:
    assert (app.conf.accept_content, app.conf.task_serializer) == (["json"], "json")


def test_beat_rings_only_for_tasks_there_are(tasks: dict[str, Any]) -> None:
    entries = beat_schedule(settings.NIGHT_HOUR_UTC).values()
    assert {entry["task"] for entry in entries} <= set(tasks)
    assert all(entry["options"]["expires"] <= 3600 for entry in entries)


def test_routes_lead_to_queues_that_workers_serve(tasks: dict[str, Any]) -> None:
    assert set(ROUTES) <= set(tasks)
    assert {route["queue"] for route in ROUTES.values()} | {app.conf.task_default_queue} == set(QUEUES)


@pytest.mark.parametrize(
    ("redis_url", "expected"),
    [
        ("redis://:secret@host:6379/1", "redis://:secret@host:6379/1"),
        ("rediss://host/0", "rediss://host/0"),
        ("unix:///tmp/redis.sock", "redis+socket:///tmp/redis.sock?virtual_host=0"),
        ("unix:///tmp/redis.sock?db=3", "redis+socket:///tmp/redis.sock?virtual_host=3"),
    ],
)
def test_broker_url(redis_url: str, expected: str) -> None:
    assert broker_url(redis_url) == expected


def test_django_processes_ring_at_our_broker() -> None:
    assert current_app == app  # a proxy

"""Celery: the doorbell. Job rows in PostgreSQL are the queue (foundation.jobs), so losing a message costs a minute.

Settings and their reasons stand here, one beside the other. [M] marks what was measured with Celery 5.7 on Redis 7.
"""

import os
import sys
from typing import Any

from billiard.process import current_process  # type: ignore[attr-defined]  # missing in celery-types
from celery import Celery
from celery.schedules import crontab
from celery.signals import task_prerun, worker_process_init, worker_process_shutdown, worker_ready
from django.db import close_old_connections

from foundation import processes

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

VISIBILITY_TIMEOUT_S = 600
TRANSPORT: dict[str, Any] = {
    # Redis delivers again what was not acknowledged in this time. Must be the same in all three places that know it
    # (below), and in every application on the broker: the shortest wins. Hours would make recovery take hours.
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    # Look for such messages every 10 s; the default sweeps every ~100 s [M].
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    # The default waits for ever for a Redis that hangs. The doorbell has shorter ones of its own.
    "socket_timeout": 15,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "retry_on_timeout": True,
    # A half-open connection is noticed in under a minute: workers used to stay alive but deaf.
    "health_check_interval": 25,
}
QUEUES = ("default", "media", "slow", "train")
ROUTES = {
    "collector.normalise_photo": {"queue": "media"},  # many and short: they must not wait behind anything else
    # Minutes where there are many photos, and nobody waits: a busy server gives them a worker of their own.
    "collector.erase_account": {"queue": "slow"},
    "collector.make_export": {"queue": "slow"},
    "training.mark_erasures": {"queue": "slow"},
    "training.tidy_features": {"queue": "slow"},
    "training.embed_shard": {"queue": "train"},
    "training.run_night": {"queue": "train"},  # hours: a worker of its own, on a machine of its own where there is one
}


def beat_schedule(night_hour_utc: int) -> dict[str, dict[str, Any]]:
    """What happens by the clock. Any number of beats is safe: each tick inserts rows only where they are missing."""
    return {
        "reconcile jobs": {
            "task": "foundation.reconcile_jobs",
            "schedule": 60.0,
            "options": {"expires": 55},  # the next tick replaces it: a worker that was away gets one, not a hundred
        },
        "start nights": {
            "task": "training.start_nights",
            "schedule": crontab(hour=str(night_hour_utc), minute="0"),
            "options": {"expires": 3600},
        },
        "delete originals": {
            "task": "collector.delete_originals",
            "schedule": crontab(minute="17"),
            "options": {"expires": 3000},
        },
        "refresh needs": {
            "task": "collector.refresh_needs",
            "schedule": crontab(minute="*/10"),
            "options": {"expires": 540},
        },
        "delete exports": {
            "task": "collector.delete_exports",
            "schedule": crontab(minute="27"),
            "options": {"expires": 3000},
        },
        "mark erasures": {
            "task": "training.mark_erasures",
            "schedule": crontab(minute="47"),
            "options": {"expires": 3000},
        },
        "refresh documents": {
            "task": "modelhub.refresh_documents",
            "schedule": crontab(minute="37"),
            "options": {"expires": 3000},
        },
    }


def broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis address: ``unix:///path?db=0`` is ``redis+socket:///path?virtual_host=0`` there."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    number = dict(pair.partition("=")[::2] for pair in query.split("&")).get("db", "0")
    return f"redis+socket://{path}?virtual_host={number}"


def configuration() -> dict[str, Any]:
    """All settings. Called when Celery first needs one, so Django's settings are read as late as possible."""
    from django.conf import settings

    return {
        "broker_url": broker_url(settings.REDIS_URL),
        "broker_transport_options": TRANSPORT,
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "result_backend_transport_options": {"visibility_timeout": VISIBILITY_TIMEOUT_S},
        "broker_connection_retry_on_startup": True,  # workers may start before Redis
        "broker_connection_timeout": 5,
        # Publishing outside the doorbell (beat, Celery's own retries) gives up soon too.
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
        # Only JSON: pickle on Redis is remote code execution for whoever can write there.
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        # State lives in our tables; there is no result backend, and no chords.
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_default_queue": "default",
        "task_create_missing_queues": True,
        "task_routes": ROUTES,
        # Acknowledged early unless the task says otherwise (foundation.jobs.task); rejecting on a lost worker loops
        # for ever: 16 starts in 22 s [M]. acks_on_timeout stays at its default for the same reason [M].
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "worker_prefetch_multiplier": 1,  # fair: nobody hoards messages that another worker could do now
        "worker_eta_task_limit": 100,  # delayed tasks ignore the multiplier
        "worker_cancel_long_running_tasks_on_connection_loss": True,  # they could not acknowledge any more
        # Each new one starts a new sandbox, too: at 50 that was a tenth of a photo's CPU time.
        "worker_max_tasks_per_child": 400,
        "worker_max_memory_per_child": 600_000,  # KB, looked at after a task; the hard cap is the sandbox's rlimit
        # Celery would close the database's connection around each task, and the next would open one: 2 ms of CPU each
        # here, 5 in PostgreSQL. Instead, tasks begin as requests do (renew_connections).
        "CELERY_DB_REUSE_MAX": sys.maxsize,
        "worker_soft_shutdown_timeout": 60.0,  # SIGTERM lets running tasks end before they are cut off
        "worker_hijack_root_logger": False,  # Django's LOGGING stands
        "timezone": "UTC",
        "enable_utc": True,
        "beat_schedule": beat_schedule(settings.NIGHT_HOUR_UTC),
    }


app = Celery("daybreak")
app.add_defaults(configuration)
app.autodiscover_tasks()


@worker_process_init.connect
def die_with_the_worker(**_: object) -> None:
    """A worker killed with -9 must not leave a child that goes on writing: the child would only notice when idle."""
    processes.follow(current_process()._parent_pid)  # noqa: SLF001 -- billiard has no public name for it


@task_prerun.connect
def renew_connections(**_: object) -> None:
    """Close what is broken or old; what is kept is asked whether it lives before it is used, as in a request."""
    close_old_connections()


@worker_process_shutdown.connect
def end_sandboxes(**_: object) -> None:
    """Before the process ends, which billiard does without Python's own exit: else the kernel has to kill them."""
    if sandbox := sys.modules.get("collector.normaliser.sandbox"):
        sandbox.close()


@worker_ready.connect
def look_round(**_: object) -> None:
    """A worker that starts takes up at once what a killed one left, instead of at the next tick of beat."""
    app.send_task("foundation.reconcile_jobs", expires=55, ignore_result=True)

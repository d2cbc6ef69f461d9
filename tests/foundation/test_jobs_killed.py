"""Workers that are killed with a job in their hands, and doorbells that die with them."""

import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.db.models import F

from foundation import jobs
from foundation.enums import JobState
from foundation.models import Job
from tests.foundation.conftest import wait_for
from tests.foundation.workers import Worker, lines

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[[], Worker]


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary"


@pytest.fixture
def start(environment: dict[str, str], diary: Path, empty_broker: None) -> Iterator[Start]:
    """Starts workers; those that still run at the end are killed."""
    started: list[Worker] = []

    def start_one() -> Worker:
        started.append(Worker(len(started) + 1, diary, environment))
        return started[-1]

    yield start_one
    for each in started:
        each.kill()


def state_of(kind: str, key: str) -> str:
    job = jobs.find(kind, key)
    assert job is not None
    return job.state


@pytest.mark.slow
def test_lost_doorbell_is_rung_again(start: Start, diary: Path) -> None:
    asleep = start()
    asleep.process.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    jobs.add("tests.quick", "lost")  # Redis gives it to the worker that sleeps in its BRPOP
    time.sleep(0.2)
    asleep.kill()
    start()
    time.sleep(1.5)
    assert lines(diary) == []
    assert state_of("tests.quick", "lost") == JobState.QUEUED
    Job.objects.update(created_at=F("created_at") - timedelta(minutes=2))  # no longer one just rung for
    assert jobs.reconcile() == 1
    wait_for(lambda: state_of("tests.quick", "lost") == JobState.DONE)
    assert lines(diary, "did") == ["did lost"]


@pytest.mark.slow
def test_killed_worker_takes_its_child_along_and_the_next_one_takes_the_job_over(start: Start, diary: Path) -> None:
    killed = start()
    jobs.add("tests.second", "1")
    wait_for(lambda: lines(diary, "began"))
    assert jobs.claim("tests.second", "1") is None  # its owner lives
    children = killed.children()
    killed.kill()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
    start()
    wait_for(lambda: state_of("tests.second", "1") == JobState.DONE)
    job = jobs.find("tests.second", "1")
    assert job is not None
    assert (job.attempts, job.fencing) == (2, 2)
    assert len(lines(diary, "began")) == 2
    assert lines(diary, "did") == ["did 1"]

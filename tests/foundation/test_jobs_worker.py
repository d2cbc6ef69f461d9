"""Jobs with a real worker, database and Redis: doorbells that come twice, jobs that break."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation import jobs
from foundation.enums import JobState
from tests.foundation.conftest import wait_for
from tests.foundation.workers import Worker, lines

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def worker(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = Worker(0, tmp_path_factory.mktemp("worker") / "diary", environment)
    yield worker
    worker.kill()


@pytest.fixture
def diary(worker: Worker) -> Path:
    """Of this test: empty at its start."""
    worker.diary.write_text("")
    return worker.diary


def state_of(kind: str, key: str) -> str:
    job = jobs.find(kind, key)
    assert job is not None
    return job.state


def test_job_added_by_a_transaction_is_done_after_its_commit(diary: Path) -> None:
    jobs.add("tests.quick", "7")
    wait_for(lambda: state_of("tests.quick", "7") == JobState.DONE)
    assert lines(diary, "did") == ["did 7"]


def test_double_delivery_does_the_work_once(diary: Path) -> None:
    jobs.add("tests.second", "1")
    for _ in range(3):
        jobs.ring("tests.second", "1")
    wait_for(lambda: len(lines(diary, "refused")) == 3)
    wait_for(lambda: state_of("tests.second", "1") == JobState.DONE)
    assert len(lines(diary, "began")) == 1
    assert lines(diary, "did") == ["did 1"]


def test_poison_job_is_quarantined_after_three_attempts_and_others_go_on(diary: Path) -> None:
    jobs.add("tests.poison", "bomb")
    jobs.add("tests.quick", "well")
    wait_for(lambda: len(lines(diary, "began bomb")) == 3, timeout_s=30)
    wait_for(lambda: jobs.reconcile() == 0 and state_of("tests.poison", "bomb") == JobState.QUARANTINED)
    job = jobs.find("tests.poison", "bomb")
    assert job is not None
    assert job.attempts == 3
    assert "killed or lost" in job.reason
    assert lines(diary, "did") == ["did well"]


def test_job_that_raises_is_tried_three_times_and_keeps_its_reason(diary: Path) -> None:
    jobs.add("tests.wrong", "1")
    # A failed attempt is not rung for at once, so this rings as the reconciler would, only sooner.
    wait_for(lambda: jobs.ring("tests.wrong", "1") and state_of("tests.wrong", "1") == JobState.QUARANTINED)
    job = jobs.find("tests.wrong", "1")
    assert job is not None
    assert (job.attempts, job.reason) == (3, "ValueError: no such photo")

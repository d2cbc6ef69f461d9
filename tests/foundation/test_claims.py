"""Leases against a real PostgreSQL: who may work, until when, and who is refused."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries, Settings

from foundation import jobs
from foundation.enums import JobState
from foundation.jobs import owners
from foundation.models import Job
from tests.foundation.conftest import ROOT, wait_for

pytestmark = pytest.mark.django_db
SEEN_BY_OTHERS = pytest.mark.django_db(transaction=True)  # other threads and processes take part
KIND = "tests.nobody-listens"


def job_of(key: str) -> Job:
    job = jobs.find(KIND, key)
    assert job is not None
    return job


def take(key: str) -> jobs.Lease:
    jobs.add(KIND, key)
    lease = jobs.claim(KIND, key)
    assert lease is not None
    return lease


def let_lease_run_out(lease: jobs.Lease, *, owner: str = "elsewhere/boot/1:7:7") -> jobs.Lease:
    """Make the row look as if another host's process had stopped talking two minutes ago."""
    Job.objects.filter(pk=lease.job_id).update(lease_owner=owner, lease_until=Now() - timedelta(seconds=1))
    return jobs.Lease(lease.job_id, lease.kind, lease.key, lease.fencing, owner)


def test_claim_then_finish_does_the_job_once() -> None:
    lease = take("1")
    assert jobs.claim(KIND, "1") is None
    with transaction.atomic():
        jobs.require(lease)
        jobs.finish(lease)
    assert jobs.claim(KIND, "1") is None
    job = job_of("1")
    assert (job.state, job.attempts, job.fencing, job.lease_owner, job.lease_until) == (JobState.DONE, 1, 1, "", None)
    assert job.finished_at is not None


def test_claim_without_a_job_is_none() -> None:
    assert jobs.claim(KIND, "no such job") is None
    assert jobs.find(KIND, "no such job") is None


def test_add_twice_is_one_job_and_leaves_a_done_one_alone() -> None:
    lease = take("1")
    jobs.finish(lease)
    jobs.add(KIND, "1")
    assert [job.state for job in Job.objects.all()] == [JobState.DONE]


def test_add_is_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with transaction.atomic(), django_assert_num_queries(1):
        jobs.add(KIND, "1")


def test_add_is_undone_with_its_transaction() -> None:
    with transaction.atomic():
        jobs.add(KIND, "1")
        transaction.set_rollback(True)
    assert jobs.find(KIND, "1") is None


def test_requeue_has_a_done_job_done_again_with_all_its_attempts() -> None:
    lease = take("1")
    jobs.finish(lease)
    jobs.requeue(KIND, "1")
    job = job_of("1")
    assert (job.state, job.attempts, job.finished_at) == (JobState.QUEUED, 0, None)
    again = jobs.claim(KIND, "1")
    assert again is not None
    assert again.fencing == 2


def test_requeue_leaves_a_running_job_alone() -> None:
    lease = take("1")
    jobs.requeue(KIND, "1")
    assert job_of("1").state == JobState.RUNNING
    jobs.extend(lease)


@SEEN_BY_OTHERS
def test_eight_claims_at_once_give_one_lease() -> None:
    jobs.add(KIND, "1")
    barrier = threading.Barrier(8)

    def claim(_: int) -> jobs.Lease | None:
        try:
            barrier.wait()
            return jobs.claim(KIND, "1")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        leases = [lease for lease in pool.map(claim, range(8)) if lease]
    assert len(leases) == 1
    assert job_of("1").attempts == 1


def test_claim_inside_a_transaction_is_refused() -> None:
    jobs.add(KIND, "1")
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        jobs.claim(KIND, "1")


def test_lease_that_ran_out_is_taken_and_its_owner_refused() -> None:
    stale = let_lease_run_out(take("1"))
    lease = jobs.claim(KIND, "1")
    assert lease is not None
    assert lease.fencing == stale.fencing + 1
    for act in (jobs.extend, jobs.finish):
        with pytest.raises(jobs.LeaseLost):
            act(stale)
    with pytest.raises(jobs.LeaseLost), transaction.atomic():
        jobs.require(stale)
    jobs.fail(stale, "says the one who lost it")
    jobs.give_back(stale)
    assert (job_of("1").state, job_of("1").reason) == (JobState.RUNNING, "")
    jobs.extend(lease)


def test_lease_that_ran_out_is_still_good_while_nobody_took_it() -> None:
    lease = let_lease_run_out(take("1"))
    with transaction.atomic():
        jobs.require(lease)
        jobs.finish(lease)
    assert job_of("1").state == JobState.DONE


@SEEN_BY_OTHERS
def test_require_holds_the_row_until_the_commit() -> None:
    lease = let_lease_run_out(take("1"))
    taken: list[jobs.Lease | None] = []

    def claim() -> None:
        taken.append(jobs.claim(KIND, "1"))
        connection.close()

    thread = threading.Thread(target=claim)
    with transaction.atomic():
        jobs.require(lease)
        thread.start()
        time.sleep(0.3)
        assert taken == []
        jobs.finish(lease)
    thread.join()
    assert taken == [None]


def test_write_of_a_zombie_is_rolled_back() -> None:
    stale = let_lease_run_out(take("1"))
    assert jobs.claim(KIND, "1") is not None

    def write() -> None:
        with transaction.atomic():
            jobs.add(KIND, "what follows")
            jobs.require(stale)

    with pytest.raises(jobs.LeaseLost):
        write()
    assert jobs.find(KIND, "what follows") is None


def test_fail_queues_again_until_the_last_attempt_quarantines() -> None:
    for attempt in (1, 2):
        lease = take("1")
        jobs.fail(lease, f"broke {attempt}")
        assert (job_of("1").state, job_of("1").reason) == (JobState.QUEUED, f"broke {attempt}")
    jobs.fail(take("1"), "broke 3")
    assert (job_of("1").state, job_of("1").reason, job_of("1").attempts) == (JobState.QUARANTINED, "broke 3", 3)
    assert jobs.claim(KIND, "1") is None
    jobs.requeue(KIND, "1")
    assert job_of("1").attempts == 0


def test_give_back_does_not_count_the_attempt() -> None:
    for _ in range(5):
        jobs.give_back(take("1"))
    job = job_of("1")
    assert (job.state, job.attempts, job.fencing) == (JobState.QUEUED, 0, 5)


def test_job_whose_owners_vanish_is_quarantined_by_the_fourth_claim() -> None:
    for _ in range(3):
        let_lease_run_out(take("1"))
    assert jobs.claim(KIND, "1") is None
    assert job_of("1").state == JobState.QUARANTINED


@SEEN_BY_OTHERS
def test_owner_that_was_killed_on_this_host_is_taken_over_at_once(environment: dict[str, str]) -> None:
    jobs.add(KIND, "1")
    code = f"""
import django, time
django.setup()
from foundation import jobs
assert jobs.claim({KIND!r}, "1")
print("claimed", flush=True)
time.sleep(60)
"""
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "claimed\n"
    assert jobs.claim(KIND, "1") is None
    owner.kill()
    wait_for(lambda: owners.is_dead(job_of("1").lease_owner))  # a zombie, for nobody has waited for it
    lease = jobs.claim(KIND, "1")
    assert lease is not None
    assert lease.fencing == 2
    owner.communicate()


# The first is of another host: nobody here can know.
@pytest.mark.parametrize("owner", ["elsewhere/boot/1:7:7", "nonsense", ""])
def test_owner_that_cannot_be_seen_is_not_dead(owner: str) -> None:
    assert not owners.is_dead(owner)


def test_owner_that_lives_is_not_dead() -> None:
    assert not owners.is_dead(owners.this_owner())


def test_owner_whose_number_now_belongs_to_another_process_is_dead() -> None:
    host_and_pid, _, started = owners.this_owner().rpartition(":")
    assert owners.is_dead(f"{host_and_pid}:{int(started) - 1}")


@SEEN_BY_OTHERS
def test_holding_extends_the_lease(settings: Settings) -> None:
    settings.JOB_LEASE_S = 1
    lease = take("1")
    with jobs.holding(lease) as heartbeat:
        time.sleep(1.6)
        assert Job.objects.filter(pk=lease.job_id, lease_until__gt=Now()).exists()
        assert not heartbeat.lost.is_set()
        jobs.finish(lease)
    assert not heartbeat.is_alive()


@SEEN_BY_OTHERS
def test_holding_tells_when_the_lease_is_lost(settings: Settings) -> None:
    settings.JOB_LEASE_S = 1
    lease = take("1")
    with jobs.holding(lease) as heartbeat:
        Job.objects.update(fencing=F("fencing") + 1)
        assert heartbeat.lost.wait(5)
    assert job_of("1").state == JobState.RUNNING  # the new owner's business


def test_exception_while_holding_fails_the_attempt() -> None:
    with pytest.raises(ValueError, match="torn"), jobs.holding(take("1")):
        raise ValueError("torn file")
    assert (job_of("1").state, job_of("1").reason) == (JobState.QUEUED, "ValueError: torn file")


def test_stop_while_holding_gives_the_job_back() -> None:
    with pytest.raises(KeyboardInterrupt), jobs.holding(take("1")):
        raise KeyboardInterrupt
    assert (job_of("1").state, job_of("1").attempts) == (JobState.QUEUED, 0)

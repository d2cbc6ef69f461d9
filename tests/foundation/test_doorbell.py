"""Ringing at a Redis that hangs, is gone, or comes back: nobody waits long, nothing is raised."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.foundation.brokers import Broker
from tests.foundation.conftest import ROOT, wait_for

SCRIPT = """
import json, sys, time
import django
django.setup()
from foundation import jobs
from foundation.jobs import doorbell
doorbell.SILENCE_S = 1.0
def ring():
    begun = time.monotonic()
    return jobs.ring("tests.quick", "1"), time.monotonic() - begun
for line in sys.stdin:
    print(json.dumps(ring()), flush=True)
"""


class Bell:
    """A process that rings when told, and says whether it was taken and how long it took."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={**os.environ, "REDIS_URL": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ring(self) -> tuple[bool, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("now\n")
        self.process.stdin.flush()
        taken, seconds = json.loads(self.process.stdout.readline())
        return taken, seconds


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.process.kill()
    broker.process.wait()


@pytest.fixture
def bell(broker: Broker) -> Iterator[Bell]:
    bell = Bell(broker.url)
    yield bell
    bell.process.kill()
    bell.process.communicate()


def test_hung_redis_costs_two_seconds_once(broker: Broker, bell: Bell) -> None:
    assert bell.ring()[0] is True  # also makes the connection
    broker.process.send_signal(signal.SIGSTOP)
    taken, seconds = bell.ring()
    assert not taken
    assert seconds < 2.2
    taken, seconds = bell.ring()  # silence is kept for a while
    assert not taken
    assert seconds < 0.1
    broker.process.send_signal(signal.SIGCONT)
    before = broker.count()
    wait_for(lambda: bell.ring()[0])
    assert broker.count() == before + 1


def test_redis_that_hangs_from_the_start_costs_two_seconds(broker: Broker, bell: Bell) -> None:
    broker.process.send_signal(signal.SIGSTOP)
    taken, seconds = bell.ring()
    assert not taken
    assert seconds < 2.2 + 1.0  # the first ring also loads what ringing needs


def test_redis_that_is_gone_costs_nothing_and_is_rung_again_when_back(
    broker: Broker, bell: Bell, tmp_path: Path
) -> None:
    broker.process.kill()
    broker.process.wait()
    broker.socket.unlink()
    assert bell.ring()[0] is False
    back = Broker(tmp_path)
    try:
        wait_for(lambda: bell.ring()[0])
        assert back.count() == 1
    finally:
        back.process.kill()
        back.process.wait()


def test_ringing_is_quick(broker: Broker, bell: Bell) -> None:
    bell.ring()
    times = sorted(bell.ring()[1] for _ in range(20))
    assert times[10] < 0.05
    assert broker.count() == 21


COUNT = """
import time, django
django.setup()
from foundation import jobs
begun = time.monotonic()
print(jobs.count_listeners("train"), time.monotonic() - begun < 4)
"""


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "is gone"])
def test_nobody_listens_at_a_redis_that(broker: Broker, number: signal.Signals) -> None:
    broker.process.send_signal(number)
    ran = subprocess.run(
        [sys.executable, "-c", COUNT],
        cwd=ROOT, env={**os.environ, "REDIS_URL": broker.url}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.split() == ["0", "True"], ran.stderr

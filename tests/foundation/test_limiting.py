"""Rate limits: exact under a crowd, gone with Redis, and never the reason that a request waits."""

import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import limits
import pytest
from django.conf import LazySettings
from django.test import RequestFactory

from foundation import limiting
from foundation.clients import network_of
from foundation.problems import Problem
from tests.foundation.brokers import Broker

pytestmark = pytest.mark.slow

FIVE = limits.parse_many("5/minute")


@pytest.fixture(autouse=True)
def _closed_breaker() -> Iterator[None]:
    limiting.breaker.reset()
    yield
    limiting.breaker.reset()


def let_in(subject: str, rules: list[limits.RateLimitItem] = FIVE, what: str = "photos", cost: int = 1) -> bool:
    try:
        limiting.charge(what, subject, rules, cost=cost)
    except Problem:
        return False
    return True


def anybody() -> str:
    return str(uuid.uuid4())


# --- counting ------------------------------------------------------------------------------------------------------
def test_limit_lets_in_as_many_as_it_says() -> None:
    alice = anybody()
    assert [let_in(alice) for _ in range(8)] == [True] * 5 + [False] * 3
    assert let_in(anybody())
    assert let_in(alice, what="questions")


def test_limit_among_200_at_once_lets_in_as_many_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "PATIENCE_S", 30.0)  # 200 threads of one process wait for each other, not for Redis
    alice, rules = anybody(), limits.parse_many("50/hour")
    with ThreadPoolExecutor(200) as crowd:
        assert sum(crowd.map(lambda _: let_in(alice, rules), range(1000))) == 50


def test_limit_has_no_border_at_which_twice_as_many_are_let_in() -> None:
    alice, rules = anybody(), limits.parse_many("20/2 seconds")
    until, let_in_at = time.monotonic() + 5, []
    while time.monotonic() < until:
        if let_in(alice, rules):
            let_in_at.append(time.time())
        time.sleep(0.005)
    assert len(let_in_at) > 40
    assert all(later - earlier > 1.9 for earlier, later in zip(let_in_at, let_in_at[20:], strict=False))


def test_cost_counts_as_so_many() -> None:
    alice, rules = anybody(), limits.parse_many("100/hour")
    assert [let_in(alice, rules, cost=25) for _ in range(5)] == [True] * 4 + [False]
    bob = anybody()
    assert [let_in(bob, rules, cost=60), let_in(bob, rules, cost=60), let_in(bob, rules, cost=40)] == [
        True,
        False,
        True,
    ]


def test_refusal_by_the_shorter_limit_is_not_counted_by_the_longer() -> None:
    alice, short, both = anybody(), limits.parse_many("3/second"), limits.parse_many("3/second, 6/minute")
    assert sum(let_in(alice, both) for _ in range(9)) == 3
    time.sleep(1.1)
    assert sum(let_in(alice, both) for _ in range(9)) == 3
    time.sleep(1.1)
    assert not let_in(alice, both)
    assert let_in(anybody(), short)


def test_refusal_says_what_is_allowed_and_when_to_come_back() -> None:
    alice = anybody()
    for _ in range(5):
        limiting.charge("photos", alice, FIVE)
    with pytest.raises(Problem) as refused:
        limiting.charge("photos", alice, FIVE)
    problem = refused.value
    assert (problem.status, problem.detail) == (429, "Too many photos in a short time.")
    assert problem.allowed == "5 per 1 minute"
    assert 58 <= int(problem.headers["Retry-After"]) <= 60
    assert problem.headers["Retry-After"] in problem.do


def test_waiting_as_long_as_said_is_long_enough() -> None:
    alice, rules = anybody(), limits.parse_many("2/2 seconds")
    assert let_in(alice, rules)
    time.sleep(0.7)
    assert let_in(alice, rules)
    with pytest.raises(Problem) as refused:
        limiting.charge("photos", alice, rules)
    time.sleep(int(refused.value.headers["Retry-After"]))
    assert let_in(alice, rules)


def test_nobody_known_and_no_limit_are_let_in() -> None:
    assert all(let_in("") for _ in range(9))
    alice = anybody()
    assert all(let_in(alice, []) for _ in range(9))


# --- without Redis -------------------------------------------------------------------------------------------------
@pytest.fixture
def broker(settings: LazySettings, tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    settings.REDIS_URL = broker.url
    yield broker
    broker.process.kill()
    broker.process.wait()


def seconds(subject: str) -> float:
    began = time.monotonic()
    assert let_in(subject)
    return time.monotonic() - began


def exhaust(subject: str) -> None:
    assert [let_in(subject) for _ in range(6)] == [True] * 5 + [False]


def test_redis_that_is_gone_limits_nobody_and_costs_nothing(broker: Broker) -> None:
    alice = anybody()
    exhaust(alice)
    broker.process.kill()
    broker.process.wait()
    assert sum(seconds(alice) for _ in range(50)) < 0.3


def test_redis_that_hangs_is_waited_for_once(broker: Broker) -> None:
    alice = anybody()
    exhaust(alice)
    broker.process.send_signal(signal.SIGSTOP)
    waited = [seconds(alice) for _ in range(50)]
    assert waited[0] < limiting.PATIENCE_S + 0.3
    assert sum(waited[1:]) < 0.3


def test_redis_that_hangs_when_first_asked_is_waited_for_once(broker: Broker) -> None:
    broker.process.send_signal(signal.SIGSTOP)
    assert seconds(anybody()) < limiting.PATIENCE_S + 0.3
    assert seconds(anybody()) < 0.1


def test_redis_that_answers_late_is_not_asked_again_for_a_while(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    exhaust(alice := anybody())
    monkeypatch.setattr(limiting, "PATIENCE_S", 0.0001)  # no Redis is as quick as that
    limiting._limiter_at.cache_clear()
    let_in(alice)
    assert seconds(alice) < 0.01


def test_after_a_silence_one_request_tries_and_the_others_do_not_wait(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiting, "SILENCE_S", 0.4)
    alice = anybody()
    exhaust(alice)
    broker.process.send_signal(signal.SIGSTOP)
    assert let_in(alice)
    time.sleep(0.5)
    with ThreadPoolExecutor(8) as crowd:
        waited = sorted(crowd.map(seconds, [alice] * 8))
    assert waited[-2] < 0.3 < waited[-1]


def test_redis_that_is_back_limits_again(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "SILENCE_S", 0.2)
    alice = anybody()
    exhaust(alice)
    broker.process.send_signal(signal.SIGSTOP)
    assert let_in(alice)
    broker.process.send_signal(signal.SIGCONT)
    time.sleep(0.3)
    assert not let_in(alice)


# --- where a request comes from ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("proxies", "direct", "passed_on", "network"),
    [
        (0, "192.0.2.7", None, "192.0.2.7"),
        (0, "192.0.2.7", "198.51.100.1", "192.0.2.7"),  # anybody can write that
        (1, "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (1, "10.0.0.1", "made-up, 203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (2, "10.0.0.1", "made-up, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (1, "", "198.51.100.1", "198.51.100.1"),  # the proxy comes by a socket in the file system
        (1, "192.0.2.7", None, "192.0.2.7"),  # round the proxy
        (2, "10.0.0.1", "198.51.100.1", "10.0.0.1"),  # round one of them: what we see ourselves
        (1, "192.0.2.7", "garbage", "192.0.2.7"),
        (0, "", None, ""),
        (0, "2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        (1, "10.0.0.1", "2001:db8:1:2::9", "2001:db8:1:2::/64"),
        (0, "::ffff:192.0.2.7", None, "192.0.2.7"),
    ],
)
def test_network_is_what_can_be_believed(
    settings: LazySettings, proxies: int, direct: str, passed_on: str | None, network: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    more = {} if passed_on is None else {"X-Forwarded-For": passed_on}
    assert network_of(RequestFactory().get("/", headers=more, REMOTE_ADDR=direct)) == network

"""The same requests to two servers in turn, so that both meet the machine in the same mood."""

import itertools
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

SLUG = "bench"
ROUNDS, WARM_UP = 60, 5
PAGE = 60


@dataclass
class Asked:
    """Seconds of one request at each server."""

    name: str
    small: list[float] = field(default_factory=list)
    large: list[float] = field(default_factory=list)

    @property
    def small_p95(self) -> float:
        """Of the small database."""
        return _p95(self.small)

    @property
    def large_p95(self) -> float:
        """Of the large one."""
        return _p95(self.large)


def ask(small: httpx.Client, large: httpx.Client, small_facts: Any, large_facts: Any) -> list[Asked]:
    """Every request ``ROUNDS`` times at each server, one server after the other."""
    queue = f"/review/{SLUG}/queue"
    pairs: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    for order in small_facts["far"]:
        first = {"order": order, "limit": str(PAGE)}
        pairs[f"page 1 by {order}"] = (first, first)
        pairs[f"page 500 by {order}"] = (
            first | {"after": small_facts["far"][order]},
            first | {"after": large_facts["far"][order]},
        )
    for name, query in small_facts["filters"].items():
        # Pages of one size: where few photos match among a thousand, that few are asked for among a million, too.
        limit = {"limit": str(_matching(small, small_facts, queue, query))}
        pairs[f"page 1 filtered by {name}"] = (query | limit, large_facts["filters"][name] | limit)
    asked = [_ask(name, (small, large), (small_facts, large_facts), queue, query) for name, query in pairs.items()]
    return [*asked, _decide((small, large), (small_facts, large_facts))]


def _matching(client: httpx.Client, facts: Any, path: str, query: dict[str, str]) -> int:
    """How many photos the page has, at least 1."""
    _sign_in(client, facts, 0)
    page = client.get(path, params=query | {"limit": str(PAGE)}).raise_for_status().json()
    return max(1, len(page["photos"]))


def _ask(name: str, clients: Any, facts: Any, path: str, queries: Any) -> Asked:
    asked = Asked(name)
    for turn in range(WARM_UP + ROUNDS):
        for client, fact, query, seconds in zip(clients, facts, queries, (asked.small, asked.large), strict=True):
            _sign_in(client, fact, turn)
            begun = time.perf_counter()
            client.get(path, params=query).raise_for_status()
            if turn >= WARM_UP:
                seconds.append(time.perf_counter() - begun)
    return asked


def _decide(clients: Any, facts: Any) -> Asked:
    """One photo accepted, and taken back, so that there is always one more."""
    asked = Asked("a decision")
    for turn in range(WARM_UP + ROUNDS):
        for client, fact, seconds in zip(clients, facts, (asked.small, asked.large), strict=True):
            token = _sign_in(client, fact, turn)
            page = client.get(f"/review/{SLUG}/queue", params={"order": "newest", "limit": "1"}).raise_for_status()
            decision = str(uuid.uuid4())
            verdict = {"photo": page.json()["photos"][0]["id"], "action": "accept"}
            headers = {"X-CSRFToken": token, "Referer": str(client.base_url)}
            begun = time.perf_counter()
            answer = client.post(
                f"/review/{SLUG}/decisions", json={"decision": decision, "verdicts": [verdict]}, headers=headers
            )
            if turn >= WARM_UP:
                seconds.append(time.perf_counter() - begun)
            if "problem" in answer.raise_for_status().json()["results"][0]:
                raise SystemExit(f"The decision was refused: {answer.text}")
            client.post(f"/review/{SLUG}/undo", json={"decision": decision}, headers=headers).raise_for_status()
    return asked


def _sign_in(client: httpx.Client, facts: Any, turn: int) -> str:
    """Another reviewer each time."""
    session = next(itertools.islice(itertools.cycle(facts["sessions"]), turn % len(facts["sessions"]), None))
    client.cookies.clear()
    client.cookies.update(session)
    return str(session["csrftoken"])


def _p95(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.95)]

"""Photos arrive while web, worker, Redis and database are killed in turn: what was acknowledged is there, once.

The phones are as phones are: they hang up in the middle, or before they heard the answer, and send again until they
have one. UPLOADS_KILLED says how many photos; 2,000 take four minutes on two cores.
"""

import asyncio
import hashlib
import json
import logging
import os
import random
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from foundation import services
from foundation.services import postgres
from tests.e2e.uploading import Answer, Server, post, put_head, read_answer, run_apart, serving, small_photo
from tests.foundation.conftest import wait_for

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PHOTOS = int(os.environ.get("UPLOADS_KILLED", "300"))
PHONES = 16
TURNS = ("web", "redis", "worker", "database") * 3
RECONCILE = "import config.celery, django; django.setup(); from foundation import jobs; jobs.reconcile()"
PATIENCE_S = 15.0  # of a phone with one request
HANGS_UP, HEARS_NOTHING = 0.03, 0.06  # shares of requests, the first among the second


@dataclass
class Sent:
    """What the phones know afterwards."""

    photos: dict[uuid.UUID, bytes] = field(default_factory=dict)
    receipts: dict[uuid.UUID, dict[str, Any]] = field(default_factory=dict)
    token: str = ""
    failures: int = 0  # requests without an acknowledgement


async def send_until_acknowledged(server: Server, photo_id: uuid.UUID, sent: Sent, dice: random.Random) -> None:
    """As a phone with a queue does."""
    data = sent.photos[photo_id]
    while photo_id not in sent.receipts:
        answer = None
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                answer = await _put(server, put_head(photo_id, data, sent.token) + data, dice.random())
        if answer is None or answer.status >= 500:
            sent.failures += 1
            await asyncio.sleep(dice.uniform(0.1, 0.5))
            continue
        assert answer.status in {200, 201}, answer
        sent.receipts[photo_id] = json.loads(answer.headers["daybreak-receipt"])


async def _put(server: Server, request: bytes, luck: float) -> Answer | None:
    """The answer, or None where this phone's connection broke."""
    reader, writer = await asyncio.open_connection(*server.host)
    try:
        writer.write(request[: len(request) // 2] if luck < HANGS_UP else request)
        await writer.drain()
        return None if luck < HEARS_NOTHING else await read_answer(reader)
    finally:
        writer.close()


async def send_all(server: Server, sent: Sent, killed: list[str]) -> None:
    """PHONES at a time, while the killer waits for so many acknowledgements before each kill."""
    sent.token, waiting = server.become_guest(), list(sent.photos)

    async def phone(number: int) -> None:
        dice = random.Random(number)
        while waiting:
            await send_until_acknowledged(server, waiting.pop(), sent, dice)

    killer = asyncio.to_thread(kill_in_turn, server, sent, killed)
    await asyncio.gather(killer, *[phone(number) for number in range(PHONES)])


def kill_in_turn(server: Server, sent: Sent, killed: list[str]) -> None:
    """One after the other, spread over all photos."""
    for turn, name in enumerate(TURNS, 1):
        wait_for(lambda turn=turn: len(sent.receipts) >= PHOTOS * turn // (len(TURNS) + 1), timeout_s=300)  # type: ignore[misc]  # a default
        kill(server, name)
        killed.append(name)


def kill(server: Server, name: str) -> None:
    """SIGKILL, as the kernel does when memory runs out; what supervises it here starts it again."""
    if name in {"web", "worker"}:
        os.killpg(server.children[name], signal.SIGKILL)
    else:
        wait_for(lambda: main_process(server, name))
        psutil.Process(main_process(server, name)).kill()


def main_process(server: Server, name: str) -> int:
    """The process id of a service; 0 while it is not there."""
    with suppress(OSError, ValueError, redis.RedisError):
        if name == "database":
            return int((postgres.data_folder(server.home) / "postmaster.pid").read_text().split()[0])
        with redis.Redis.from_url(services.urls(server.home).redis) as client:
            return int(client.info("server")["process_id"])
    return 0


@dataclass
class Storm:
    """The server after the storm, and what went on."""

    server: Server
    sent: Sent
    killed: list[str]
    seconds: float


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    home: Path = tmp_path_factory.mktemp("killed") / "home"
    # A job's attempts are spent by kills here, which are no fault of the photo.
    settings = {"LIMIT_UPLOADS": "off", "LIMIT_UPLOAD_MB": "off", "JOB_ATTEMPTS": "20", "JOB_LEASE_S": "5"}
    with serving(home, **settings) as server:
        sent, began = Sent({uuid.uuid4(): small_photo(seed) for seed in range(PHOTOS)}), time.monotonic()
        killed: list[str] = []
        run_apart(send_all(server, sent, killed))
        rows_when_back(server, "SELECT 1")
        yield Storm(server, sent, killed, time.monotonic() - began)


def test_everything_was_killed_and_came_back(storm: Storm) -> None:
    log.info("%d photos in %.0f s; %d requests failed", PHOTOS, storm.seconds, storm.sent.failures)
    assert storm.killed == list(TURNS)
    assert storm.sent.failures > len(TURNS)  # it was felt


def test_every_acknowledged_photo_is_there_once_with_its_bytes(storm: Storm) -> None:
    assert storm.sent.receipts.keys() == storm.sent.photos.keys()
    wanted = {photo_id: hashlib.sha256(data).hexdigest() for photo_id, data in storm.sent.photos.items()}
    rows = rows_when_back(storm.server, "SELECT id, sha256, size_bytes FROM collector_photo")
    assert len(rows) == len(wanted) == PHOTOS
    assert {photo_id: sha256 for photo_id, sha256, _ in rows} == wanted
    for photo_id, sha256, size_bytes in rows:
        folder = storm.server.home / "blobs" / "photos" / str(photo_id)
        originals = [name for name in storm.server.files(photo_id) if name.startswith("original")]
        assert originals == [f"original-{sha256}"]
        stored = (folder / originals[0]).read_bytes()
        assert (hashlib.sha256(stored).hexdigest(), len(stored)) == (sha256, size_bytes)
    assert len(list((storm.server.home / "blobs" / "photos").iterdir())) == PHOTOS  # and nothing that nobody knows of


def test_every_receipt_is_what_the_server_says_afterwards(storm: Storm) -> None:
    receipts = list(storm.sent.receipts.values())

    async def ask(part: list[dict[str, Any]]) -> Answer:
        reader, writer = await asyncio.open_connection(*storm.server.host)
        asked = [{"photo": one["photo"], "receipt": one} for one in part]
        writer.write(post("/api/v1/photos/reconcile", {"photos": asked}, storm.sent.token))
        answer = await read_answer(reader)
        writer.close()
        return answer

    for at in range(0, len(receipts), 500):
        part = receipts[at : at + 500]
        held = json.loads(run_apart(ask(part)).body)["photos"]
        assert [(one["held"], one["receipt"]) for one in held] == [("stored", receipt) for receipt in part]
    assert storm.server.rows("SELECT count(*) FROM collector_lostphoto") == [(0,)]


def test_every_photo_is_normalised_in_the_end(storm: Storm) -> None:
    states = "SELECT state, count(*) FROM collector_photo GROUP BY state"
    until = time.monotonic() + 200
    while storm.server.rows(states) != [("awaiting_review", PHOTOS)] and time.monotonic() < until:
        storm.server.run("-c", RECONCILE)
        time.sleep(5)
    assert storm.server.rows(states) == [("awaiting_review", PHOTOS)]
    done = "SELECT state, count(*) FROM foundation_job WHERE kind = 'collector.normalise_photo' GROUP BY state"
    assert storm.server.rows(done) == [("done", PHOTOS)]


def rows_when_back(server: Server, query: str) -> list[tuple[Any, ...]]:
    """What the database says, once it came back from its last kill."""
    until = time.monotonic() + 60
    while True:
        try:
            return server.rows(query)
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.2)

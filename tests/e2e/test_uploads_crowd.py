"""A crowd at two web processes: one photo sent a thousand times, one limit asked by two hundred at once."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.uploading import Answer, Server, post, put_head, read_answer, run_apart, serving, small_photo
from tests.foundation.conftest import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CONNECTIONS, ROUNDS = 200, 5
GUESTS = 50


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limits = {"LIMIT_UPLOADS": "off", "LIMIT_UPLOAD_MB": "off", "LIMIT_GUESTS": f"{GUESTS}/hour"}
    keep_alive = {"GUNICORN_CMD_ARGS": "--keep-alive 60"}  # the connections stay open from round to round
    home: Path = tmp_path_factory.mktemp("crowd") / "home"
    with serving(home, **limits, **keep_alive) as server:
        yield server


class Connection:
    """One open connection that sends everything but the last byte, then the last byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def finish(self, last: bytes) -> Answer:
        await self.send(last)
        return await read_answer(self._reader)


async def connect(server: Server, count: int) -> list[Connection]:
    opened = await asyncio.gather(*[asyncio.open_connection(*server.host) for _ in range(count)])
    return [Connection(reader, writer) for reader, writer in opened]


async def send_at_once(connections: list[Connection], request: bytes) -> list[Answer]:
    """Nobody's last byte leaves before everybody else's but last ones have left."""
    await asyncio.gather(*[one.send(request[:-1]) for one in connections])
    return await asyncio.gather(*[one.finish(request[-1:]) for one in connections])


async def storm(server: Server, request: bytes) -> list[Answer]:
    connections = await connect(server, CONNECTIONS)
    answers: list[Answer] = []
    for _ in range(ROUNDS):
        answers += await send_at_once(connections, request)
    return answers


def test_one_photo_sent_a_thousand_times_is_one_row_one_object_one_receipt(server: Server) -> None:
    photo_id, data, token = uuid.uuid4(), small_photo(1), server.become_guest()
    answers = run_apart(storm(server, put_head(photo_id, data, token) + data))
    assert len(answers) == CONNECTIONS * ROUNDS == 1000
    statuses = [answer.status for answer in answers]
    assert (statuses.count(201), statuses.count(200)) == (1, 999)
    assert (
        len({answer.body for answer in answers}) == len({answer.headers["daybreak-receipt"] for answer in answers}) == 1
    )
    receipt = json.loads(answers[0].body)
    digest = hashlib.sha256(data).hexdigest()
    assert (receipt["photo"], receipt["sha256"], len(receipt["signature"])) == (str(photo_id), digest, 43)
    assert server.rows("SELECT id, sha256 FROM collector_photo") == [(photo_id, digest)]
    assert server.rows("SELECT count(*) FROM foundation_job WHERE key = %s", str(photo_id)) == [(1,)]
    originals = [name for name in server.files(photo_id) if name.startswith("original")]
    assert originals == [f"original-{digest}"]
    assert (server.home / "blobs" / "photos" / str(photo_id) / originals[0]).read_bytes() == data
    wait_for(lambda: not list((server.home / "blobs" / ".parts").iterdir()))  # the worker may be writing right now


def test_web_server_has_two_processes(server: Server) -> None:
    listing = server.run("-c", f"import psutil; print(len(psutil.Process({server.children['web']}).children()))")
    assert listing.strip() == "2"


def test_two_hundred_at_once_are_let_in_as_often_as_the_limit_says(server: Server) -> None:
    request = post("/api/v1/guests", {"consent_version": "2026-11"})

    async def crowd() -> list[Answer]:
        return await send_at_once(await connect(server, 200), request)

    before = server.rows("SELECT count(*) FROM collector_volunteer")[0][0]  # those of this module count, too
    answers = run_apart(crowd())
    statuses = [answer.status for answer in answers]
    assert (statuses.count(201), statuses.count(429)) == (GUESTS - before, 150 + before)
    assert server.rows("SELECT count(*) FROM collector_volunteer") == [(GUESTS,)]
    refused = next(answer for answer in answers if answer.status == 429)
    assert 3000 < int(refused.headers["retry-after"]) <= 3600

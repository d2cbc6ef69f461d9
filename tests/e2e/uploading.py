"""A whole server in a home of its own, and clients that speak HTTP byte by byte, as no library would."""

import asyncio
import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psutil
import psycopg
from PIL import Image

from foundation import services
from tests.foundation.conftest import processes_of

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "crowd"
UNSET = {"DATABASE_URL", "REDIS_URL", "STORAGE_URL", "DJANGO_SETTINGS_MODULE"}
Row = tuple[Any, ...]
T = TypeVar("T")


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own: in this one, Playwright may keep an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class Server:
    """``python -m config.dev serve``: two web processes, a worker, beat, and what they stand on."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        kept = {name: value for name, value in os.environ.items() if name not in UNSET}
        self._environment = {**kept, **environment, "DAYBREAK_HOME": str(home)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "config.dev", "serve", "--no-train"],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split()[3]  # "Daybreak is at http://..."
        self.run("manage.py", "create_project", PROJECT, "--name", "Crowd", "--label", "five")

    @property
    def host(self) -> tuple[str, int]:
        """Where to connect to."""
        split = urlsplit(self.url)
        return str(split.hostname), int(split.port or 80)

    @property
    def children(self) -> dict[str, int]:
        """Process groups by name: web, worker, beat."""
        return dict(json.loads((self.home / "run" / "dev.json").read_text())["children"])

    def run(self, *command: str) -> str:
        """What a Python command of this home prints."""
        return subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=self._environment, capture_output=True, text=True, check=True
        ).stdout

    def rows(self, query: str, *values: object) -> list[Row]:
        """What the database says."""
        with psycopg.connect(services.urls(self.home).database, autocommit=True) as connection:
            return list(connection.execute(query, values).fetchall())

    def files(self, photo_id: uuid.UUID | str) -> list[str]:
        """The names of a photo's blobs."""
        folder = self.home / "blobs" / "photos" / str(photo_id)
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def become_guest(self) -> str:
        """A token."""
        body = json.dumps({"consent_version": "2026-11"}).encode()
        asked = urllib.request.Request(f"{self.url}/api/v1/guests", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return str(json.load(answer)["token"])

    def stop(self) -> None:
        """End it, and whatever is left of it."""
        self._process.terminate()
        self._process.communicate()
        for process in processes_of(self.home):
            with suppress(psutil.NoSuchProcess):  # it is ending anyway
                process.kill()


@contextmanager
def serving(home: Path, **environment: str) -> Iterator[Server]:
    """A server for the length of the block."""
    server = Server(home, environment)
    try:
        yield server
    finally:
        server.stop()


def small_photo(seed: int) -> bytes:
    """A JPEG of 48 x 36 pixels, no two alike."""
    image = Image.new("RGB", (48, 36), (seed * 37 % 256, seed // 7 % 256, seed * 53 % 256))
    image.paste((seed % 256, seed // 256 % 256, 90), (8, 8, 30, 24))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85, comment=str(seed).encode())
    return out.getvalue()


# --- HTTP by hand --------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answer:
    """Status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes


def put_head(photo_id: uuid.UUID, data: bytes, token: str) -> bytes:
    """All of the request that comes before the photo."""
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    lines = [f"PUT /api/v1/photos/{photo_id}?project={PROJECT}&label=five HTTP/1.1", "Content-Type: image/jpeg"]
    lines += [f"Content-Length: {len(data)}", f"Content-Digest: sha-256=:{digest}:"]
    return _head(lines, token)


def post(path: str, said: object, token: str = "") -> bytes:
    """A whole request with JSON in it."""
    body = json.dumps(said).encode()
    lines = [f"POST {path} HTTP/1.1", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return _head(lines, token) + body


def _head(lines: list[str], token: str) -> bytes:
    lines += ["Host: localhost"] + ([f"Authorization: Bearer {token}"] if token else [])
    return "\r\n".join([*lines, "", ""]).encode()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """One answer. Raises IncompleteReadError where the server hung up before its end."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answer(int(first.split()[1]), headers, body)

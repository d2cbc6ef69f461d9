"""Volunteers' phones: each registers as a guest and sends its photos over HTTP, several at a time."""

import base64
import hashlib
import multiprocessing
import os
import signal
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from config.demo.bars import Step
from config.demo.baseline import Histogram, colour_histogram
from config.demo.pictures import Shot
from foundation.processes import follow

SENDERS = 4  # uploads at a time
WAITING = 24  # photos taken but not sent yet, at most: bounds memory
TRIES = 4  # an upload is idempotent, so sending it again is always right


class UploadError(Exception):
    """The server refused a photo or a guest; the message is its own."""


@dataclass(frozen=True)
class Sent:
    """A photo the server has answered for."""

    photo_id: uuid.UUID
    shot: Shot
    histogram: Histogram


@dataclass(frozen=True)
class Taken:
    """A photo before it is sent."""

    shot: Shot
    photo: bytes
    histogram: Histogram


@contextmanager
def studio() -> Iterator[ProcessPoolExecutor]:
    """Processes that draw or read photos, one a core; fresh ones, since a copy of a threaded process may hang."""
    context = multiprocessing.get_context("forkserver")
    count = min(8, os.cpu_count() or 1)
    with ProcessPoolExecutor(max_workers=count, mp_context=context, initializer=_open_studio) as pool:
        yield pool


def _open_studio() -> None:
    """Ctrl-C is for the demo, which closes the studio; and nobody draws on after a demo that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    follow(os.getppid())


def take(shot: Shot) -> Taken:
    """Runs in the studio's processes."""
    photo = shot.take()
    return Taken(shot, photo, colour_histogram(photo))


class Guests:
    """Everybody's tokens, and how their phones send."""

    def __init__(self, url: str, project: str, consent_version: str) -> None:
        limits = httpx.Limits(max_connections=SENDERS * 2)
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=60, limits=limits)
        self._project, self._consent = project, consent_version
        self._tokens: list[str] = []

    def close(self) -> None:
        """Puts the phones away."""
        self._client.close()

    def register(self, count: int, step: Step) -> None:
        """Makes sure that there are ``count`` guests. Raises ``UploadError``."""
        while len(self._tokens) < count:
            answer = self._client.post("/guests", json={"consent_version": self._consent})
            if answer.status_code != httpx.codes.CREATED:
                raise _refused(answer)
            self._tokens.append(str(answer.json()["token"]))
            step.reach(len(self._tokens))

    def upload(self, shots: Sequence[Shot], pool: ProcessPoolExecutor, step: Step) -> list[Sent]:
        """Takes and sends photos, in any order; returns them as they arrived. Raises ``UploadError``."""
        sent: list[Sent] = []
        waiting: set[Future[Sent]] = set()
        with ThreadPoolExecutor(SENDERS) as senders:
            for taken in pool.map(take, shots, chunksize=4):
                waiting.add(senders.submit(self._send, taken))
                while len(waiting) >= WAITING:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    sent += [future.result() for future in done]
                step.reach(len(sent))
            for future in waiting:
                sent.append(future.result())
                step.reach(len(sent))
        return sent

    def _send(self, taken: Taken) -> Sent:
        photo_id = uuid.uuid4()
        query = {"project": self._project}
        if taken.shot.claimed:
            query["label"] = taken.shot.claimed
        digest = base64.b64encode(hashlib.sha256(taken.photo).digest()).decode()
        headers = {"Authorization": f"Bearer {self._tokens[taken.shot.guest]}", "Content-Digest": f"sha-256=:{digest}:"}
        for attempt in range(TRIES):
            try:
                answer = self._client.put(f"/photos/{photo_id}", params=query, headers=headers, content=taken.photo)
            except httpx.TransportError:
                if attempt + 1 == TRIES:
                    raise
            else:
                if answer.is_success:
                    return Sent(photo_id, taken.shot, taken.histogram)
                if not answer.is_server_error or attempt + 1 == TRIES:
                    raise _refused(answer)
            time.sleep(0.5 * 2**attempt)
        raise UploadError("The server did not take the photo.")


def _refused(answer: httpx.Response) -> UploadError:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    said = " ".join(str(problem[part]) for part in ("detail", "allowed", "do") if problem.get(part))
    asked = f"{answer.request.method} {answer.request.url.path}"
    return UploadError(f"{asked} was answered {answer.status_code}: {said or answer.text[:300]}")

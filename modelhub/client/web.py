"""The two requests a phone makes: the document, and a file, continued where it stopped."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from modelhub.client.answers import Artifact, Request
from modelhub.client.faults import Refused, Trouble
from modelhub.client.home import sync_folder

SIGNED = "application/vnd.daybreak.models+dsse+json"
MAX_DOCUMENT_BYTES = 262_144
TIMEOUT = httpx.Timeout(30, connect=10)
ATTEMPTS = 4  # in one call; what was received stays, so a later call goes on
STAYS = "The model in use stays."

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """A document as received: ``body`` is None where it has not changed."""

    body: bytes | None
    etag: str


@dataclass(slots=True)
class Download:
    """How a file came: ``received`` bytes in this call, after ``kept`` from earlier ones."""

    kept: int = 0
    received: int = 0


@contextmanager
def connect(url: str) -> Iterator[httpx.Client]:
    """A client for one server. Content is identity: sizes and digests are about the bytes on the wire."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "daybreak-client/1"}
    with httpx.Client(base_url=url, timeout=TIMEOUT, headers=headers, follow_redirects=True, max_redirects=3) as client:
        yield client


def get_document(client: httpx.Client, request: Request, *, etag: str) -> Answer:
    """Poll. Raises Trouble, and Refused for more than ``MAX_DOCUMENT_BYTES``."""
    headers = {"Accept": SIGNED} | ({"If-None-Match": etag} if etag else {})
    with _said("poll"), client.stream("GET", "/models/latest", params=request.query(), headers=headers) as response:
        if response.status_code == httpx.codes.NOT_MODIFIED and etag:
            return Answer(None, etag)
        _require_ok(response, {httpx.codes.OK})
        return Answer(_read_capped(response), response.headers.get("ETag", ""))


def download(client: httpx.Client, artifact: Artifact, part: Path, tell: Tell) -> Download:
    """Bring ``part`` to the artifact's full size and check its SHA-256. Goes on after a cut, also an earlier call's.

    ``tell`` hears how many bytes are there, of how many.
    Raises Trouble (``part`` stays) or Refused (``part`` is removed): the bytes are not those that were signed.
    """
    progress = Download(kept=_size(part))
    if progress.kept > artifact.size_bytes:
        part.unlink()
        progress.kept = 0
    for _ in range(ATTEMPTS):
        if _size(part) == artifact.size_bytes:
            break
        before = progress.received
        try:
            _receive(client, artifact, part, progress, tell)
        except Trouble:
            if progress.received == before:  # not cut, but refused: asking again at once would not help
                raise
    _check_size(artifact, part)
    _check_digest(artifact, part)
    return progress


def _receive(client: httpx.Client, artifact: Artifact, part: Path, progress: Download, tell: Tell) -> None:
    """One request for what is missing. If-Range: a server with other bytes answers with the whole."""
    have = _size(part)
    headers = {"Range": f"bytes={have}-", "If-Range": f'"sha256-{artifact.sha256}"'} if have else {}
    with _said("download"), client.stream("GET", artifact.path, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            raise Trouble(f"The server has no bytes after {have} of the file. {STAYS}")
        _require_ok(response, {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT})
        if response.status_code == httpx.codes.PARTIAL_CONTENT:
            _require_continuation(response, have, artifact.size_bytes)
        else:
            have = progress.kept = 0
        with part.open("r+b" if have else "wb", buffering=0) as file:  # unbuffered: what has come survives a kill
            file.seek(have)
            for chunk in response.iter_raw():
                have += len(chunk)
                if have > artifact.size_bytes:
                    break
                progress.received += file.write(chunk)
                tell(have, artifact.size_bytes)
    if have > artifact.size_bytes:
        part.unlink()
        raise Refused(f"The file is longer than the {artifact.size_bytes:,} bytes that were signed.")


def _require_continuation(response: httpx.Response, have: int, size: int) -> None:
    given = response.headers.get("Content-Range", "")
    if not have or given != f"bytes {have}-{size - 1}/{size}":
        raise Refused(f"Asked for the bytes from {have} of {size}, the server answered with {given!r}.")


def _check_size(artifact: Artifact, part: Path) -> None:
    if (have := _size(part)) != artifact.size_bytes:
        raise Trouble(
            f"The download stopped at {have:,} of {artifact.size_bytes:,} bytes; fetch again to go on. {STAYS}"
        )


def _check_digest(artifact: Artifact, part: Path) -> None:
    with part.open("r+b") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    sync_folder(part.parent)
    if found != artifact.sha256:
        part.unlink()
        raise Refused(f"The file has SHA-256 {found}; signed is {artifact.sha256}.")


def _read_capped(response: httpx.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise Refused(f"The document is longer than {MAX_DOCUMENT_BYTES:,} bytes.")
    return bytes(body)


def _require_ok(response: httpx.Response, allowed: set[httpx.codes]) -> None:
    if response.status_code in allowed:
        return
    body = bytes(next(response.iter_raw(1 << 14), b""))
    raise Trouble(f"The server answered {response.status_code}: {_said_by_server(body)} {STAYS}")


def _said_by_server(body: bytes) -> str:
    try:
        problem: Any = json.loads(body)
        words = (problem.get("detail"), problem.get("allowed") and f"Allowed: {problem['allowed']}.", problem.get("do"))
        return " ".join(str(word) for word in words if word)
    except (ValueError, AttributeError, RecursionError):
        return "no reason given."


@contextmanager
def _said(what: str) -> Iterator[None]:
    """Turn the network's errors into Trouble."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise Trouble(f"The {what} did not come through: {error or type(error).__name__}. {STAYS}") from error


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0

"""One poll, from request to switched model. Killed anywhere, the next call goes on and the old model stays usable."""

import errno
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelhub.client import web
from modelhub.client.answers import Artifact, Document, Release, Request, Seen, accept, read_time, write_time
from modelhub.client.choices import EXTENSIONS, choose
from modelhub.client.faults import Refused, Trouble
from modelhub.client.home import Home, is_intact, read_json, write_whole
from modelhub.client.keys import open_envelope

MAX_FILE_BYTES = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a fetch did. ``outcome`` is ``installed``, ``unchanged`` or ``nothing`` (no release for this phone yet)."""

    outcome: str
    why: str
    seq: int
    version: str = ""
    sha256: str = ""
    precision: str = ""
    size_bytes: int = 0
    received_bytes: int = 0
    resumed_at: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def fetch(
    url: str,
    request: Request,
    keys: Sequence[Ed25519PublicKey],
    folder: Path,
    *,
    precision: str = "int8",
    max_file_bytes: int = MAX_FILE_BYTES,
    tell: web.Tell = lambda _have, _of: None,
) -> Outcome:
    """Poll, verify, download, install, switch; ``tell`` hears bytes downloaded, of how many.

    Raises Refused or Trouble; then everything stays as it was.
    """
    home = Home(folder)
    try:
        with home.locked(), web.connect(url) as client:
            document, answer = _poll(client, request, keys, home)
            chosen = choose(document, request, precision=precision, seed=home.seed(), clock=_clock(document))
            if chosen and chosen[1].size_bytes > max_file_bytes:
                size = chosen[1].size_bytes
                raise Refused(f"The file has {size:,} bytes; at most {max_file_bytes:,} are allowed.")
            _remember(home.document_path(request), document, answer)  # every check has passed
            if chosen is None:
                return Outcome(outcome="nothing", why="No release is for this phone yet.", seq=document.seq)
            return _take(client, home, document, chosen, tell)
    except OSError as error:
        raise _storage_trouble(error, folder) from error


def _poll(
    client: httpx.Client, request: Request, keys: Sequence[Ed25519PublicKey], home: Home
) -> tuple[Document, web.Answer]:
    """The document to act on: the new one, or the one we have, checked again all the same."""
    kept = read_json(home.document_path(request))
    answer = web.get_document(client, request, etag=kept["etag"] if kept else "")
    body = kept["envelope"].encode() if answer.body is None and kept else answer.body or b""
    payload = open_envelope(body, keys)
    document = accept(payload, request, _seen(kept), device_clock=_now())
    return document, answer


def _take(
    client: httpx.Client, home: Home, document: Document, chosen: tuple[Release, Artifact], tell: web.Tell
) -> Outcome:
    """Make the artifact the current model; download it only where it is not there, or damaged."""
    release, artifact = chosen
    target = home.model_path(artifact.sha256, EXTENSIONS[artifact.format])
    progress = web.Download()
    if not is_intact(target, artifact.sha256):
        part = home.part_path(artifact.sha256)
        progress = web.download(client, artifact, part, tell)
        home.install(part, target)
    pointer = {
        "version": release.version,
        "sha256": artifact.sha256,
        "file": str(target.relative_to(home.folder)),
        "runtime": artifact.runtime,
        "precision": artifact.precision,
        "tensor_input": dict(artifact.tensor_input),
        "input": dict(release.input),
        "labels": [dict(label) for label in release.labels],
        "rejection": release.rejection,
    }
    same = home.current() == pointer and not progress.received
    home.switch(pointer)
    words = f"release {release.version} ({artifact.runtime} {artifact.precision}, {artifact.size_bytes:,} bytes)"
    return Outcome(
        outcome="unchanged" if same else "installed",
        why=f"{words[0].upper()}{words[1:]} is in use already." if same else f"Installed {words}.",
        seq=document.seq,
        version=release.version,
        sha256=artifact.sha256,
        precision=artifact.precision,
        size_bytes=artifact.size_bytes,
        received_bytes=progress.received,
        resumed_at=progress.kept,
    )


def _seen(kept: dict[str, Any] | None) -> Seen | None:
    return Seen(int(kept["seq"]), read_time(kept["issued"]), str(kept["sha256"])) if kept else None


def _remember(path: Path, document: Document, answer: web.Answer) -> None:
    if answer.body is None:
        return
    kept = {
        "seq": document.seq,
        "issued": write_time(document.issued),
        "sha256": document.sha256,
        "etag": answer.etag,
        "envelope": answer.body.decode(),
        "revoked": document.revoked,
    }
    write_whole(path, json.dumps(kept).encode())


def _clock(document: Document) -> datetime:
    return max(_now(), document.issued)


def _now() -> datetime:
    return datetime.now(tz=UTC)  # noqa: TID251 -- the rule's own advice for the client


def _storage_trouble(error: OSError, folder: Path) -> Trouble:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Trouble(f"There is no room left for {folder}; make some and fetch again. {web.STAYS}")
    return Trouble(f"{folder} cannot be used: {error}. {web.STAYS}")

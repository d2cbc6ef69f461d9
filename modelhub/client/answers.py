"""The signed document: what it must say before it is believed. Times and numbers never go back."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modelhub.client.faults import Refused

SPEC = 1
MAX_JUMP = 1_000_000  # a thief of the key could else push phones to a number that is never reached again
SLUG = re.compile(r"[-a-zA-Z0-9_]{1,60}")
SHA256 = re.compile(r"[0-9a-f]{64}")
SCORE = "top_probability"  # of a rejection: the only one there is
FIELDS = ("project", "channel", "iface", "platform", "runtime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What this installation asks for: the five parameters."""

    project: str
    channel: str
    iface: int
    platform: str
    runtime: str

    def query(self) -> dict[str, str]:
        """As sent, in the order all phones use, so that caches see one address."""
        return {name: str(getattr(self, name)) for name in FIELDS}


@dataclass(frozen=True, slots=True)
class Seen:
    """The last document that was accepted for a request."""

    seq: int
    issued: datetime
    sha256: str  # of the payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One model file on offer."""

    runtime: str
    precision: str
    format: str
    size_bytes: int
    sha256: str
    path: str
    tensor_input: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release on offer; ``input`` and ``labels`` say how to use its files, ``rejection`` when not to answer."""

    version: str
    rollout: Mapping[str, Any]
    artifacts: tuple[Artifact, ...]
    input: Mapping[str, Any]
    labels: tuple[Mapping[str, str], ...]
    rejection: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document that passed every check."""

    seq: int
    issued: datetime
    expires: datetime
    directive: str | None
    revoked: tuple[str, ...]
    releases: tuple[Release, ...]
    poll: Mapping[str, Any]
    sha256: str  # of the payload

    @property
    def seen(self) -> Seen:
        """What to remember of it."""
        return Seen(self.seq, self.issued, self.sha256)


def accept(payload: bytes, request: Request, seen: Seen | None, *, device_clock: datetime) -> Document:
    """Read a payload whose signature holds, and check it against the request and what was seen before. Raises Refused.

    The clock is the later of the device's and the last ``issued``, so setting the device back does not revive anything.
    """
    raw = _as_object(payload)
    _check_spec(raw)
    _check_request(raw, request)
    document = _read(raw, hashlib.sha256(payload).hexdigest())
    _check_order(document, seen)
    clock = max(device_clock, seen.issued) if seen else device_clock
    if document.expires <= clock:
        raise Refused(
            f"The document expired at {document.expires:%Y-%m-%d %H:%M} UTC and it is {clock:%Y-%m-%d %H:%M} UTC: "
            "somebody may be holding back newer ones, or the server no longer renews them."
        )
    return document


def read_time(text: str) -> datetime:
    """``2026-11-21T02:10:00Z``. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def write_time(moment: datetime) -> str:
    """The inverse of ``read_time``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _as_object(payload: bytes) -> dict[str, Any]:
    try:
        raw = json.loads(payload.decode())
    except (ValueError, RecursionError) as error:
        raise Refused(f"The signed payload is not JSON ({error}).") from error
    if not isinstance(raw, dict):
        raise Refused("The signed payload is not a JSON object.")
    return raw


def _check_spec(raw: Mapping[str, Any]) -> None:
    if raw.get("spec") != SPEC:
        raise Refused(f"The document follows spec {raw.get('spec')!r}; this client knows {SPEC}: update the app.")


def _check_request(raw: Mapping[str, Any], request: Request) -> None:
    for name in FIELDS:
        wanted = getattr(request, name)
        if raw.get(name) != wanted or isinstance(raw.get(name), bool):
            raise Refused(f"The document is for {name} {raw.get(name)!r}; asked was {wanted!r}.")


def _check_order(document: Document, seen: Seen | None) -> None:
    last = seen.seq if seen else 0
    if document.seq < last:
        raise Refused(
            f"The document is number {document.seq}; number {last} was seen already, and numbers never go back."
        )
    if document.seq - last > MAX_JUMP:
        raise Refused(f"The document jumps from number {last} to {document.seq}; at most {MAX_JUMP:,} is believed.")
    if seen and document.issued < seen.issued:
        raise Refused(
            f"The document was issued at {write_time(document.issued)}; one issued at {write_time(seen.issued)} was "
            "seen already, and times never go back."
        )
    if seen and (document.seq, document.issued) == (seen.seq, seen.issued) and document.sha256 != seen.sha256:
        raise Refused(f"Two different documents have number {document.seq} and the same time of issue.")


def _read(raw: Mapping[str, Any], sha256: str) -> Document:
    try:
        document = Document(
            seq=_whole(raw["seq"], least=1),
            issued=read_time(raw["issued"]),
            expires=read_time(raw["expires"]),
            directive=raw["directive"] if raw["directive"] is None else str(raw["directive"]),
            revoked=tuple(_sha256(one) for one in raw["revoked"]),
            releases=tuple(_read_release(one) for one in raw["releases"]),
            poll=dict(raw["poll"]),
            sha256=sha256,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused(f"The signed document is incomplete or malformed: {error!r}.") from error
    if document.issued >= document.expires:
        raise Refused("The document expires before it was issued.")
    return document


def _read_release(raw: Mapping[str, Any]) -> Release:
    return Release(
        version=str(raw["version"]),
        rollout=dict(raw["rollout"]),
        artifacts=tuple(_read_artifact(one) for one in raw["artifacts"]),
        input=dict(raw["input"]),
        labels=tuple({"slug": str(one["slug"]), "name": str(one["name"])} for one in raw["labels"]),
        rejection=_read_rejection(raw.get("rejection")),
    )


def _read_rejection(raw: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """None also where the score is one that this client does not know: then it answers always, as before."""
    if raw is None or raw["score"] != SCORE:
        return None
    thresholds = [{"cost": float(one["cost"]), "threshold": float(one["threshold"])} for one in raw["thresholds"]]
    if not thresholds or not all(0 <= one["threshold"] <= 1 for one in thresholds):
        raise ValueError(f"thresholds {raw['thresholds']!r}")
    return {"score": SCORE, "cost": float(raw["cost"]), "thresholds": thresholds}


def _read_artifact(raw: Mapping[str, Any]) -> Artifact:
    sha256 = _sha256(raw["sha256"])
    path = str(raw["path"])
    if not path.startswith("/") or path.startswith("//"):  # never another server than the one asked
        raise ValueError(f"path {path!r}")
    return Artifact(
        runtime=str(raw["runtime"]),
        precision=str(raw["precision"]),
        format=str(raw["format"]),
        size_bytes=_whole(raw["size_bytes"], least=1),
        sha256=sha256,
        path=path,
        tensor_input=dict(raw["tensor_input"]),
    )


def _whole(value: object, *, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{value!r} is no whole number of at least {least}")
    return value


def _sha256(value: object) -> str:
    if not isinstance(value, str) or not SHA256.fullmatch(value):
        raise ValueError(f"{value!r} is no SHA-256 in hex")
    return value

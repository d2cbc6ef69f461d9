"""The signed documents phones poll: one a channel, platform and runtime, written when something changes.

Numbers and times of a document never go back: a change raises ``seq``, signing anew keeps it and moves ``issued``.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from foundation.problems import Problem
from modelhub.domain import files, signing
from modelhub.enums import RUNTIMES_BY_PLATFORM, Platform, Runtime
from modelhub.models import Artifact, Channel, Document, Release

SPEC = 1
# Four hours, a fifth either way: a model published at night is everywhere by morning, and phones do not march in step.
POLL = {"interval_s": 14_400, "jitter": 0.2, "min_s": 900}
EVERYONE_PPM = 1_000_000
UNKNOWN = {"Cache-Control": "public, max-age=60"}  # a cache may absorb those who keep asking for what is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a phone asks for; everyone who shares these five gets the same bytes."""

    project: str
    channel: str
    iface: int
    platform: Platform
    runtime: Runtime


def write_documents(channel: Channel) -> None:
    """Build, sign and store the documents of a channel, for each platform and runtime its release has a file for.

    Call inside the transaction that changed the channel. Raises Problem ``no-signing-key``.
    """
    artifacts = list(channel.release.artifacts.order_by("runtime", "size_bytes"))
    there = {artifact.runtime for artifact in artifacts}
    pairs = [(platform, runtime) for platform in Platform for runtime in RUNTIMES_BY_PLATFORM[platform]]
    issued_at = _next_issue(channel)
    kept = []
    for platform, runtime in pairs:
        if runtime in there:
            mine = [artifact for artifact in artifacts if artifact.runtime == runtime]
            kept.append(_write(channel, platform, runtime, mine, issued_at).pk)
    channel.documents.exclude(pk__in=kept).delete()


def refresh_documents(*, everything: bool = False, now: datetime | None = None) -> int:
    """Sign anew what has used up half of its life (or ``everything``, after a change of key). Returns how many.

    Counts channels. Same sequence number, later times; safe beside a publication and beside itself.
    """
    limit = (now or timezone.now()) + lifetime() / 2
    due = Channel.objects.all() if everything else Channel.objects.filter(documents__expires_at__lt=limit)
    ids = list(due.distinct().values_list("pk", flat=True))
    for pk in ids:
        with transaction.atomic():
            write_documents(Channel.objects.select_for_update(of=["self"]).select_related("release").get(pk=pk))
    return len(ids)


def find_body(wanted: Wanted, *, signed: bool) -> bytes:
    """The stored envelope, or its bare payload. One query; what is missing costs a second to name what there is.

    Raises Problem ``unknown-project``, ``unknown-channel``, ``unknown-iface`` or ``no-artifact``.
    """
    column = "envelope" if signed else "payload"
    found = Document.objects.filter(
        channel__project_slug=wanted.project,
        channel__name=wanted.channel,
        channel__iface=wanted.iface,
        platform=wanted.platform,
        runtime=wanted.runtime,
    ).values_list(column, flat=True)[:1]
    for body in found:
        return bytes(body)
    raise _what_is_missing(wanted)


def lifetime() -> timedelta:
    """How long a document is good."""
    return timedelta(hours=settings.HUB_EXPIRES_H)


def build_payload(
    channel: Channel,
    platform: str,
    runtime: str,
    artifacts: list[Artifact],
    *,
    issued_at: datetime,
    expires_at: datetime,
) -> bytes:
    """The document as JSON bytes; the same arguments give the same bytes."""
    document = {
        "spec": SPEC,
        "project": channel.project_slug,
        "channel": channel.name,
        "iface": channel.iface,
        "platform": platform,
        "runtime": runtime,
        "seq": channel.seq,
        "issued": _iso(issued_at),
        "expires": _iso(expires_at),
        "poll": POLL,
        "directive": None,
        "revoked": [],
        "releases": [_describe_release(channel.release, artifacts, issued_at)],
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _describe_release(release: Release, artifacts: list[Artifact], issued_at: datetime) -> dict[str, Any]:
    begins = _iso(min(release.created_at, issued_at))  # two machines' clocks: never after the document itself
    return {
        "version": release.version,
        "rollout": {"salt": release.version, "from": 0, "ramp": [[begins, EVERYONE_PPM]]},
        "artifacts": [_describe_artifact(artifact) for artifact in artifacts],
        "input": release.input_contract,
        "labels": release.labels,
        **({"rejection": release.rejection} if release.rejection else {}),
        "golden_vectors": [],
    }


def _describe_artifact(artifact: Artifact) -> dict[str, Any]:
    return {
        "runtime": artifact.runtime,
        "precision": artifact.precision,
        "format": artifact.format,
        "size_bytes": artifact.size_bytes,
        "sha256": artifact.sha256,
        "path": files.path_of(artifact.sha256),
        "deltas": [],
        "tensor_input": artifact.tensor_input,
        "golden_accuracy": artifact.golden_accuracy,
    }


def _write(channel: Channel, platform: str, runtime: str, artifacts: list[Artifact], issued_at: datetime) -> Document:
    expires_at = issued_at + lifetime()
    payload = build_payload(channel, platform, runtime, artifacts, issued_at=issued_at, expires_at=expires_at)
    values = {
        "seq": channel.seq,
        "issued_at": issued_at,
        "expires_at": expires_at,
        "payload": payload,
        "envelope": signing.sign(payload),
    }
    document, _ = Document.objects.update_or_create(
        channel=channel, platform=platform, runtime=runtime, defaults=values
    )
    return document


def _next_issue(channel: Channel) -> datetime:
    """Now, in whole seconds; where the clock went back or nothing passed, a second after the last: phones compare."""
    now = timezone.now().replace(microsecond=0)
    last = channel.documents.order_by("-issued_at").values_list("issued_at", flat=True).first()
    return now if last is None else max(now, last + timedelta(seconds=1))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _what_is_missing(wanted: Wanted) -> Problem:
    rows = Document.objects.filter(channel__project_slug=wanted.project).values(
        "channel__name", "channel__iface", "platform", "runtime"
    )
    there = [{name.removeprefix("channel__"): value for name, value in row.items()} for row in rows]
    return _first_difference(asdict(wanted), there)


def _first_difference(wanted: Mapping[str, Any], there: list[dict[str, Any]]) -> Problem:
    if not there:
        project = wanted["project"]
        said = f"Nothing is published for a project called '{project}'."
        return Problem(
            "unknown-project", 404, said, do="Check the name, or ask again after its first release.", headers=UNKNOWN
        )
    said, do = "", ""
    for name, field in (("channel", "name"), ("iface", "iface")):
        allowed = sorted({row[field] for row in there})
        there = [row for row in there if row[field] == wanted[name]]
        if not there:
            said = f"Project '{wanted['project']}' has no {name} '{wanted[name]}'."
            do = f"Ask with {name}={allowed[-1]}, or update the app."
            return Problem(f"unknown-{name}", 404, said, allowed=", ".join(map(str, allowed)), do=do, headers=UNKNOWN)
    pairs = ", ".join(sorted(f"{row['platform']} with {row['runtime']}" for row in there))
    said = f"The release has no file for {wanted['platform']} with {wanted['runtime']}."
    return Problem("no-artifact", 404, said, allowed=pairs, do="Ask for one of these.", headers=UNKNOWN)

"""Which file of a document this phone takes. The phone decides, by rules all phones share and a seed only it knows."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from modelhub.client.answers import Artifact, Document, Release, Request, read_time
from modelhub.client.faults import Refused

PARTS = 1_000_000
EXTENSIONS = {"tflite": "tflite", "onnx": "onnx", "mlpackage.zip": "mlpackage.zip"}


def choose(
    document: Document, request: Request, *, precision: str, seed: str, clock: datetime
) -> tuple[Release, Artifact] | None:
    """The first release that admits this phone, and its best file; None where there is nothing for it.

    Best: the precision asked for, else the smallest. Revoked files are never chosen. Raises Refused for a directive
    that this client does not know: something must be done that it cannot.
    """
    if document.directive is not None:
        raise Refused(f"The server directs {document.directive!r}, which this client does not know: update the app.")
    for release in document.releases:
        fit = [one for one in release.artifacts if one.runtime == request.runtime and one.format in EXTENSIONS]
        fit = [one for one in fit if one.sha256 not in document.revoked]
        if fit and is_admitted(release.rollout, seed=seed, clock=clock):
            return release, min(fit, key=lambda one: (one.precision != precision, one.size_bytes))
    return None


def is_admitted(rollout: Mapping[str, Any], *, seed: str, clock: datetime) -> bool:
    """Whether this phone is within the share that the ramp reaches at ``clock``. Raises Refused for a malformed rule.

    The phone's place is the first 8 bytes of SHA-256(salt, newline, seed), big-endian, modulo a million.
    """
    try:
        steps = [(read_time(moment), int(parts)) for moment, parts in rollout["ramp"]]
        start = int(rollout["from"])
        place = place_of(str(rollout["salt"]), seed)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"The rollout rule is malformed: {error!r}.") from error
    reached = max((parts for moment, parts in steps if moment <= clock), default=0)
    return start <= place < start + reached


def place_of(salt: str, seed: str) -> int:
    """Where a phone stands among a million, for one salt."""
    digest = hashlib.sha256(f"{salt}\n{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % PARTS

"""A request's body as a stream; ``request.body`` would hold all of it in memory."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Protocol

from django.http import HttpRequest

from collector.domain.uploads import MAX_BYTES, too_large
from foundation.problems import Problem

CHUNK_BYTES = 1024 * 1024
# After a refusal we still read this much, because many clients read no answer before they have sent everything.
DRAIN_BYTES = 100_000_000
DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):\s*(?:,|$)")


class SupportsRead(Protocol):
    """A request, or the server's own stream."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes, none at the end."""


def announced_sha256(request: HttpRequest) -> str:
    """The SHA-256 digest of the Content-Digest header (RFC 9530), as hex. Raises Problem ``digest-required``."""
    header = request.headers.get("Content-Digest", "")
    found = DIGEST.search(header)
    try:
        digest = base64.b64decode(found.group(1), validate=True) if found else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:  # noqa: PLR2004 -- 256 bits
        raise Problem(
            "digest-required",
            400,
            f"The Content-Digest header holds no SHA-256 digest: {header[:120]!r}.",
            allowed="Content-Digest: sha-256=:BASE64:",
            do="Send the digest of the photo's bytes.",
        )
    return digest.hex()


def read_chunks(request: HttpRequest) -> Iterator[bytes]:
    """The body piece by piece. Raises Problem ``length-required``, ``too-large`` or ``upload-interrupted``."""
    announced = request.META.get("CONTENT_LENGTH") or ""
    if announced.isdecimal() and int(announced) > MAX_BYTES:
        raise too_large(int(announced))
    if not announced.isdecimal() and not _is_chunked(request):
        raise Problem(
            "length-required", 411, "The request does not say how long the photo is.", do="Send Content-Length."
        )
    stream = _stream(request)
    try:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk
    except OSError as error:  # UnreadablePostError, too
        raise Problem(
            "upload-interrupted", 400, "The photo was cut off on its way.", do="Send it again from the start."
        ) from error


def drain(request: HttpRequest) -> None:
    """Read and forget what is left of a body that is not absurdly long, so that the client gets to read our answer."""
    stream, left = _stream(request), DRAIN_BYTES
    try:
        while left > 0 and (chunk := stream.read(CHUNK_BYTES)):
            left -= len(chunk)
    except (OSError, ValueError):  # it is gone already
        return


def _stream(request: HttpRequest) -> SupportsRead:
    """The raw stream for a body in chunks: Django reads none whose length is not announced."""
    stream: SupportsRead = request.META["wsgi.input"] if _is_chunked(request) else request
    return stream


def _is_chunked(request: HttpRequest) -> bool:
    # The server takes the chunks apart and says where the body ends; one that does not must not be read from.
    is_chunked = request.headers.get("Transfer-Encoding", "").lower() == "chunked"
    return is_chunked and bool(request.META.get("wsgi.input_terminated"))

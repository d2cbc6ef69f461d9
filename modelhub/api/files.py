"""``GET /m/sha256/<aa>/<sha256>``: the bytes of an artifact, for ever the same. A cache should stand before it."""

import base64
from typing import TypeVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response

from foundation.problems import Problem
from modelhub.api.ranges import Span, Unsatisfiable, read_range
from modelhub.api.reading import reads_only
from modelhub.domain import files

# no-transform: a proxy that compresses would change the bytes that the digest and the ranges are about.
CACHING = "public, max-age=31536000, immutable, no-transform"
R = TypeVar("R", bound=HttpResponseBase)


@reads_only
def artifact(request: HttpRequest, shard: str, sha256: str) -> HttpResponseBase:
    """The file, one range of it, or 304. Only digests that a release names are served. One query."""
    size = files.find_size(sha256) if sha256.startswith(shard) else None
    if size is None:
        raise Problem(
            "unknown-artifact",
            404,
            f"No release has a file with SHA-256 {sha256}.",
            do="Ask /models/latest for the current files.",
            headers={"Cache-Control": "public, max-age=60"},
        )
    etag = f'"sha256-{sha256}"'
    if unchanged := _answer_condition(request, etag):
        return unchanged
    span = _wanted_span(request, etag, size)
    response = _send(request, sha256, span or Span(0, size))
    if span:
        response.status_code = 206
        response["Content-Range"] = span.content_range(size)
    response["Content-Length"] = str(span.length if span else size)
    response["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    return _with_validators(response, etag)


def _wanted_span(request: HttpRequest, etag: str, size: int) -> Span | None:
    """What Range asks for, provided that If-Range, where sent, names these very bytes. HEAD has no ranges."""
    if request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return None
    header = request.headers.get("Range", "")
    try:
        return read_range(header, size)
    except Unsatisfiable:
        raise Problem(
            "unsatisfiable-range",
            416,
            f"The range '{header[:80]}' has no byte of this file.",
            allowed=f"bytes 0 to {size - 1}",
            do="Ask for the part you miss, or send no Range.",
            headers={"Content-Range": f"bytes */{size}"},
        ) from None


def _send(request: HttpRequest, sha256: str, span: Span) -> HttpResponseBase:
    if request.method == "HEAD":
        return HttpResponse(content_type="application/octet-stream")
    chunks = files.stream(sha256, span.start, span.length)
    return StreamingHttpResponse(chunks, content_type="application/octet-stream")


def _answer_condition(request: HttpRequest, etag: str) -> HttpResponseBase | None:
    """304 or 412 where If-None-Match or If-Match says so, before any byte is opened."""
    empty = _with_validators(HttpResponse(), etag)  # what a 304 copies its headers from
    answer = get_conditional_response(request, etag, None, empty)
    return None if answer is empty else answer


def _with_validators(response: R, etag: str) -> R:
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = CACHING
    return response

"""What parent and child say to each other over two pipes: a JSON object and a byte string, each with its length."""

import json
import struct
from typing import IO, Any

HEADER = struct.Struct(">II")  # bytes of JSON, bytes of body
MAX_JSON = 64 * 1024
MAX_BODY = 32 * 1024 * 1024


class Unreadable(Exception):  # noqa: N818 -- a verdict on a photo, not an error
    """The photo cannot be used; the message is a sentence for its owner."""


class Broken(Exception):  # noqa: N818 -- said of a pipe
    """The other side closed the pipe, or speaks nonsense."""


def write(stream: IO[bytes], said: dict[str, Any], body: bytes = b"") -> None:
    """Send one frame. Raises Broken where nobody reads any more."""
    text = json.dumps(said).encode()
    try:
        stream.write(HEADER.pack(len(text), len(body)))
        stream.write(text)
        stream.write(body)
        stream.flush()
    except (OSError, ValueError) as error:
        raise Broken(str(error)) from error


def read(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Receive one frame. The limits hold against a child that an image has taken over. Raises Broken."""
    text_bytes, body_bytes = HEADER.unpack(_exactly(stream, HEADER.size))
    if text_bytes > MAX_JSON or body_bytes > MAX_BODY:
        raise Broken(f"a frame of {text_bytes} + {body_bytes} bytes is over the limit")
    text, body = _exactly(stream, text_bytes), _exactly(stream, body_bytes)
    try:
        said = json.loads(text)
    except ValueError as error:
        raise Broken(f"not JSON: {text[:80]!r}") from error
    if not isinstance(said, dict):
        raise Broken(f"not an object: {text[:80]!r}")
    return said, body


def _exactly(stream: IO[bytes], count: int) -> bytes:
    try:
        data = stream.read(count)
    except (OSError, ValueError) as error:
        raise Broken(str(error)) from error
    if len(data) != count:
        raise Broken(f"the stream ended {count - len(data)} bytes early")
    return data

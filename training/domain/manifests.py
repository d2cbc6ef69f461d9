"""Stored manifests and answers, read line by line: a night of a million photos must not need the memory for them."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from foundation import blobs
from training.domain.stages import blob_key
from training.models import Stage

MANIFEST = "manifest.jsonl"
CHUNK_BYTES = 1 << 20


def read_lines(stage: Stage, name: str = MANIFEST) -> Iterator[dict[str, Any]]:
    """The lines of a stage's file of JSON lines, a snapshot's manifest unless named. Raises ``blobs.BlobMissing``."""
    with blobs.open(blob_key(stage.files[name])) as file:
        for line in _split(file):
            yield json.loads(line)


def _split(file: BinaryIO) -> Iterator[bytes]:
    # Not every store gives a file that is iterable by lines.
    rest = b""
    while chunk := file.read(CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest

"""Stored manifests, read line by line: a night of a million photos must not need the memory for them."""

import json
from collections.abc import Iterator
from typing import BinaryIO

from foundation import blobs
from training.domain.stages import blob_key
from training.models import Stage

MANIFEST = "manifest.jsonl"
CHUNK_BYTES = 1 << 20


def read_lines(snapshot: Stage) -> Iterator[dict[str, str]]:
    """The lines of a snapshot stage's manifest. Raises ``blobs.BlobMissing``."""
    with blobs.open(blob_key(snapshot.files[MANIFEST])) as file:
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

"""Artifacts as stored bytes: kept under their SHA-256, read back before anything points at them."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation import blobs
from foundation.problems import Problem
from modelhub.enums import Runtime
from modelhub.models import Artifact

CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFile:
    """One file to publish, with what was measured on it."""

    path: Path
    runtime: str  # one of Runtime
    precision: str  # "fp32", "fp16", "int8"
    format: str  # "mlpackage.zip", "tflite", "onnx"
    sha256: str
    size_bytes: int
    tensor_input: dict[str, Any]  # {name, layout, dtype, shape, channels, range}
    golden_accuracy: float
    flips_vs_fp32: float
    verified_by: str


def key_of(sha256: str) -> str:
    """The artifact's key in the storage."""
    return f"artifacts/{sha256}"


def path_of(sha256: str) -> str:
    """The artifact's immutable path on the wire."""
    return f"/m/sha256/{sha256[:2]}/{sha256}"


def check(file: ArtifactFile) -> None:
    """Raise Problem ``artifact-damaged`` unless the file is what its maker says, or ``unknown-runtime``."""
    if file.runtime not in Runtime.values:
        raise Problem(
            "unknown-runtime", 400, f"There is no runtime '{file.runtime}'.", allowed=", ".join(Runtime.values)
        )
    with file.path.open("rb") as source:
        sha256 = hashlib.file_digest(source, "sha256").hexdigest()
    size = file.path.stat().st_size
    if (sha256, size) != (file.sha256, file.size_bytes) or not size:
        found = f"{size} bytes with SHA-256 {sha256}"
        said = f"{file.size_bytes} bytes with SHA-256 {file.sha256}"
        raise Problem(
            "artifact-damaged", 409, f"{file.path.name} has {found}.", allowed=said, do="Write the file again."
        )


def store(file: ArtifactFile) -> None:
    """Put the bytes into the storage and read them back; what is there already is read back too, and mended.

    Raises Problem ``artifact-damaged`` where the storage does not give back what it was given.
    """
    key = key_of(file.sha256)
    blobs.write_once(key, file.path)
    if blobs.copy_sha(key) == file.sha256:
        return
    blobs.write(key, file.path)
    if (found := blobs.copy_sha(key)) != file.sha256:
        raise Problem(
            "artifact-damaged",
            503,
            f"The storage gives back {key} with SHA-256 {found}.",
            allowed="the bytes that were written",
            do="Check the storage with: manage.py doctor",
        )


def find_size(sha256: str) -> int | None:
    """Bytes of a published artifact; None for any other digest, stored or not. One query."""
    found = Artifact.objects.filter(sha256=sha256).values_list("size_bytes", flat=True)[:1]
    return next(iter(found), None)


def stream(sha256: str, start: int, length: int) -> Iterator[bytes]:
    """``length`` bytes from ``start`` in chunks. Raises Problem ``artifact-missing`` before the first chunk."""
    try:
        file = blobs.open_range(key_of(sha256), start, length)
    except blobs.BlobMissing:
        raise Problem(
            "artifact-missing",
            503,
            f"The bytes of artifact {sha256} are not in the storage.",
            do="Try again later; the server's operator must restore them.",
            headers={"Retry-After": "300"},
        ) from None
    return _chunks(file)


def _chunks(file: Any) -> Iterator[bytes]:
    with closing(file):
        while chunk := file.read(CHUNK_BYTES):
            yield chunk

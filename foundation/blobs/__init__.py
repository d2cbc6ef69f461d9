"""The one door to stored bytes: photos, stage outputs, artifacts. STORAGE_URL says where they are.

``file:///folder``, or ``s3://bucket/prefix?endpoint_url=https://...&region=...``. A key is a relative path of plain
names. A blob is there whole or not at all: readers never see half of one, and a crash leaves nothing under its key.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from foundation.blobs.keys import check_key
from foundation.blobs.kinds import (
    NO_ROOM,
    Blob,
    BlobExists,
    BlobMissing,
    StorageFull,
    Store,
    Tally,
    Writer,
    sha256_of,
)

__all__ = [
    "NO_ROOM",
    "Blob",
    "BlobExists",
    "BlobMissing",
    "StorageFull",
    "Tally",
    "Writer",
    "check_storage",
    "copy_sha",
    "delete",
    "exists",
    "fetch",
    "open",
    "open_range",
    "read",
    "size",
    "write",
    "write_once",
    "writer",
]
CHUNK_BYTES = 1 << 20


def write(key: str, source: bytes | Path | BinaryIO) -> Blob:
    """Store ``source`` under ``key``, replacing what was there. Raises StorageFull."""
    with writer(key) as out:
        _pour(source, out)
        return out.commit()


def write_once(key: str, source: bytes | Path | BinaryIO) -> Blob:
    """Store ``source`` under a key that names its content; what is there already stays. Raises StorageFull."""
    with writer(key) as out:
        _pour(source, out)
        try:
            return out.commit(once=True)
        except BlobExists:
            return Blob(key, out.sha256, out.size)


@contextmanager
def writer(key: str) -> Iterator[Writer]:
    """Stream into ``key`` while hashing. Without ``commit()`` nothing is left behind. Raises StorageFull."""
    out = _store().writer(check_key(key))
    try:
        yield out
    finally:
        out.close()


def open(key: str) -> BinaryIO:  # noqa: A001 -- always called as blobs.open
    """The bytes as a file. Raises BlobMissing."""
    return _store().open(check_key(key))


def open_range(key: str, start: int, length: int) -> BinaryIO:
    """``length`` bytes from ``start`` as a file, fewer at the end of the blob. Raises BlobMissing."""
    return _store().open_range(check_key(key), start, length)


def read(key: str) -> bytes:
    """All bytes. Raises BlobMissing."""
    with open(key) as file:
        return file.read()


def exists(key: str) -> bool:
    """Whether there is a blob."""
    return _store().find_size(check_key(key)) is not None


def size(key: str) -> int:
    """Bytes stored. Raises BlobMissing."""
    found = _store().find_size(check_key(key))
    if found is None:
        raise BlobMissing(key)
    return found


def delete(key: str) -> None:
    """Remove a blob; a missing one is fine."""
    _store().delete(check_key(key))


def fetch(key: str, path: Path) -> Path:
    """Put the bytes at ``path`` (a hard link where possible, so do not write into it). Raises BlobMissing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _store().fetch(check_key(key), path)
    return path


def copy_sha(key: str) -> str:
    """The sha256 of the stored bytes, read again. Raises BlobMissing."""
    with open(key) as file:
        return sha256_of(file)


def check_storage() -> str:
    """Write, read and delete a small blob; returns where. Raises what goes wrong (manage.py doctor)."""
    key, probe = "doctor/probe", b"daybreak"
    write(key, probe)
    if read(key) != probe:
        raise OSError(f"{settings.STORAGE_URL} gave back other bytes than were written")
    delete(key)
    return str(settings.STORAGE_URL)


def _store() -> Store:
    return _store_at(settings.STORAGE_URL)


@lru_cache(maxsize=4)
def _store_at(url: str) -> Store:
    scheme = url.partition("://")[0]
    if scheme == "file":
        from foundation.blobs.files import FileStore

        return FileStore.from_url(url)
    if scheme == "s3":
        from foundation.blobs.s3 import S3Store

        return S3Store.from_url(url)
    raise ValueError(f"STORAGE_URL is {url!r}; allowed are file:///folder and s3://bucket/prefix. Correct or unset it.")


def _pour(source: bytes | Path | BinaryIO, out: Writer) -> None:
    if isinstance(source, bytes):
        out.write(source)
    elif isinstance(source, Path):
        with source.open("rb") as file:
            _pour(file, out)
    else:
        while chunk := source.read(CHUNK_BYTES):
            out.write(chunk)

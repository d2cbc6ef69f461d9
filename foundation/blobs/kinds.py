"""What every store gives: the shapes, the refusals, the interface."""

import errno
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Protocol

CHUNK_BYTES = 1 << 20
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # full, over quota, over the limit of a file's size


@dataclass(frozen=True)
class Blob:
    """What was stored: ``sha256`` as hex, ``size`` in bytes."""

    key: str
    sha256: str
    size: int


class BlobMissing(LookupError):  # noqa: N818 -- named by what happened
    """There is no blob under this key."""


class BlobExists(FileExistsError):  # noqa: N818 -- named by what happened
    """``commit(once=True)`` found the key taken; what is there is untouched."""


class StorageFull(OSError):  # noqa: N818 -- named by what happened
    """The store has no room. Nothing was left behind; make room and try again."""


class Tally:
    """Counts and hashes bytes, and keeps none."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._size = 0

    @property
    def sha256(self) -> str:
        """Of the bytes so far, as hex."""
        return self._digest.hexdigest()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._size

    def write(self, chunk: bytes) -> None:
        """Add bytes."""
        self._digest.update(chunk)
        self._size += len(chunk)


class Writer(Tally, ABC):
    """Takes bytes for one key into ``file``, and counts and hashes them on the way."""

    def __init__(self, key: str, file: IO[bytes]) -> None:
        super().__init__()
        self._key, self._file = key, file

    def write(self, chunk: bytes) -> None:
        """Add bytes. Raises StorageFull."""
        with full_disk_said(self._key):
            self._file.write(chunk)
        super().write(chunk)

    @abstractmethod
    def commit(self, *, once: bool = False) -> Blob:
        """Make the blob visible and durable. ``once``: raises BlobExists where the key is taken. Raises StorageFull."""

    @abstractmethod
    def close(self) -> None:
        """Forget what was not committed."""


class Store(Protocol):
    """A place for blobs; foundation.blobs says what each method does. Keys have been checked."""

    def writer(self, key: str) -> Writer:
        """A writer for ``key``."""

    def open(self, key: str) -> BinaryIO:
        """The bytes as a file. Raises BlobMissing."""

    def open_range(self, key: str, start: int, length: int) -> BinaryIO:
        """A part of the bytes as a file. Raises BlobMissing."""

    def find_size(self, key: str) -> int | None:
        """Bytes stored, or None where there is no blob."""

    def delete(self, key: str) -> None:
        """Remove the blob, if there is one."""

    def fetch(self, key: str, path: Path) -> None:
        """Put the bytes at ``path``. Raises BlobMissing."""


def sha256_of(file: BinaryIO) -> str:
    """Hash the rest of ``file``."""
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def full_disk_said(key: str) -> Iterator[None]:
    """Turn "no space left" and its like into StorageFull."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StorageFull(error.errno, f"No room in the storage for {key}; make room and try again") from error
        raise

"""Blobs in a folder. Written beside, fsynced, renamed, folder fsynced: whole or not there, also after a power cut."""

import errno
import io
import os
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self, cast
from urllib.parse import unquote, urlsplit

from foundation.blobs.kinds import Blob, BlobExists, BlobMissing, Writer, full_disk_said

PARTS = ".parts"  # no key begins with a dot
PART_AGE_S = 24 * 3600  # older ones were left by a killed process: no upload takes a day


class FileStore:
    """A folder of blobs, private to this account."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.parts = root / PARTS
        self.parts.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)
        self._sweep_parts()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """``file:///folder``. Raises ValueError for a relative one."""
        split = urlsplit(url)
        if split.netloc not in {"", "localhost"} or not split.path.startswith("/"):
            raise ValueError(f"STORAGE_URL is {url!r}; allowed is file:///absolute/folder, with three slashes.")
        return cls(Path(unquote(split.path)))

    def writer(self, key: str) -> "FileWriter":
        """See blobs.writer."""
        return FileWriter(self, key)

    def path(self, key: str) -> Path:
        """Where the bytes of ``key`` are."""
        return self.root / key

    def open(self, key: str) -> BinaryIO:
        """See blobs.open."""
        try:
            return self.path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise BlobMissing(key) from error

    def open_range(self, key: str, start: int, length: int) -> BinaryIO:
        """See blobs.open_range."""
        file = self.open(key)
        file.seek(start)
        return cast("BinaryIO", io.BufferedReader(_Slice(file, length)))

    def find_size(self, key: str) -> int | None:
        """Bytes, or None where there is no blob."""
        path = self.path(key)
        return path.stat().st_size if path.is_file() else None

    def delete(self, key: str) -> None:
        """See blobs.delete. Folders stay: removing them would race with a writer."""
        path = self.path(key)
        if path.is_file():
            path.unlink(missing_ok=True)
            _sync_folder(path.parent)

    def fetch(self, key: str, path: Path) -> None:
        """See blobs.fetch."""
        source = self.path(key)
        if not source.is_file():
            raise BlobMissing(key)
        path.unlink(missing_ok=True)
        with full_disk_said(key):
            try:
                os.link(source, path)
            except OSError as error:
                if error.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES}:
                    raise
                shutil.copyfile(source, path)

    def _sweep_parts(self) -> None:
        now = time.time()
        for part in self.parts.iterdir():
            try:
                if now - part.stat().st_mtime > PART_AGE_S:
                    part.unlink()
            except FileNotFoundError:  # another process sweeps too
                continue


class FileWriter(Writer):
    """Writes ``.parts/<random>`` and renames it."""

    def __init__(self, store: FileStore, key: str) -> None:
        self._target = store.path(key)
        self._root = store.root
        self._part = store.parts / uuid.uuid4().hex
        with full_disk_said(key):
            # Read-only once stored: a fetched hard link must not become a way to change the blob.
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
            super().__init__(key, os.fdopen(descriptor, "wb"))

    def commit(self, *, once: bool = False) -> Blob:
        """See Writer.commit."""
        with full_disk_said(self._key):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            _make_folders(self._target.parent, self._root)
            if once:
                self._place_once()
            else:
                self._part.replace(self._target)
            _sync_folder(self._target.parent)
        return Blob(self._key, self.sha256, self.size)

    def close(self) -> None:
        """Forget what was not committed."""
        with suppress(OSError):  # a full disk is said by write or commit; closing flushes what is thrown away next
            self._file.close()
        self._part.unlink(missing_ok=True)

    def _place_once(self) -> None:
        try:
            os.link(self._part, self._target)
        except FileExistsError as error:
            raise BlobExists(errno.EEXIST, f"There is a blob already at {self._key}") from error


class _Slice(io.RawIOBase):
    """The next ``length`` bytes of a file."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed: WriteableBuffer
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _make_folders(folder: Path, root: Path) -> None:
    """Make ``folder`` below ``root``, and make the new names durable."""
    if folder.is_dir():
        return
    _make_folders(folder.parent, root)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

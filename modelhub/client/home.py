"""What survives a restart: the model in use, the one before, the last document, half a download. One lock for all.

home/current.json        the model in use, and how to use it; replaced whole, so a reader sees the old or the new
home/previous.json       the one before
home/models/<sha256>/    the files of both
home/documents/          the last document accepted, by request
home/downloads/          parts of files, by SHA-256
home/seed                random, never sent: this phone's place in a rollout
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modelhub.client.answers import Request
from modelhub.client.faults import Refused


class Home:
    """A folder that belongs to one installation of an app."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models = folder / "models"
        self.downloads = folder / "downloads"
        self.documents = folder / "documents"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait until no other fetch uses this home; the lock ends with the process, however that ends."""
        for folder in (self.models, self.downloads, self.documents):
            folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def seed(self) -> str:
        """128 random bits as hex, made once. Never leaves the device."""
        path = self.folder / "seed"
        if not path.exists():
            write_whole(path, secrets.token_hex(16).encode())
        return path.read_text(encoding="ascii")

    def document_path(self, request: Request) -> Path:
        """Where the last accepted document for this request is."""
        return self.documents / ("~".join(request.query().values()) + ".json")

    def part_path(self, sha256: str) -> Path:
        """Where a download grows."""
        return self.downloads / f"{sha256}.part"

    def model_path(self, sha256: str, extension: str) -> Path:
        """Where an installed file is."""
        return self.models / sha256 / f"model.{extension}"

    def current(self) -> dict[str, Any] | None:
        """The model in use, or None.

        {version, sha256, file, runtime, precision, tensor_input, input, labels, rejection}
        """
        return read_json(self.folder / "current.json")

    def install(self, part: Path, target: Path) -> None:
        """Move a verified download to its place, durably."""
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)
        sync_folder(target.parent)
        sync_folder(self.models)

    def switch(self, to: Mapping[str, Any]) -> None:
        """Make a model the current one, in one step; keep the one before; forget the rest."""
        old = self.current()
        if old == to:
            return
        if old and old["sha256"] != to["sha256"]:
            write_whole(self.folder / "previous.json", json.dumps(old).encode())
        write_whole(self.folder / "current.json", json.dumps(to).encode())
        self._forget_others()

    def revoked(self) -> set[str]:
        """Digests that any accepted document revokes."""
        kept = (read_json(path) for path in sorted(self.documents.glob("*.json")))
        return {sha256 for one in kept if one for sha256 in one["revoked"]}

    def _forget_others(self) -> None:
        pointers = (self.current(), read_json(self.folder / "previous.json"))
        kept = {pointer["sha256"] for pointer in pointers if pointer}
        for folder in self.models.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder)
        for part in self.downloads.iterdir():
            part.unlink()


def read_json(path: Path) -> dict[str, Any] | None:
    """An object of ours, or None where there is none. Raises Refused where it is damaged."""
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Refused(f"{path} is damaged ({error}); remove it and fetch again.") from error
    return dict(raw)


def is_intact(path: Path, sha256: str) -> bool:
    """Whether the file is there with these very bytes: disks rot too."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that only we can read, whole or not at all, also after a power cut."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

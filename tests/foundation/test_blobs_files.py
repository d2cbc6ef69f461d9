"""Blobs in a folder: whole or not there, whatever happens on the way."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from foundation import blobs
from foundation.blobs.files import FileStore
from tests.foundation.conftest import ROOT

PHOTO = b"\xff\xd8 a photo \xff\xd9" * 1000
SHA256 = hashlib.sha256(PHOTO).hexdigest()
KEY = "photos/0b9d/original"


@pytest.fixture(autouse=True)
def store(settings: Settings, tmp_path: Path) -> Path:
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"
    return tmp_path / "blobs"


def files_in(store: Path) -> list[str]:
    return sorted(str(path.relative_to(store)) for path in store.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
def test_write_gives_digest_and_size(kind: str, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(PHOTO)
    sources: dict[str, bytes | Path | io.BytesIO] = {
        "bytes": PHOTO,
        "path": tmp_path / "photo",
        "file": io.BytesIO(PHOTO),
    }
    assert blobs.write(KEY, sources[kind]) == blobs.Blob(KEY, SHA256, len(PHOTO))
    assert blobs.read(KEY) == PHOTO
    assert blobs.size(KEY) == len(PHOTO)
    assert blobs.copy_sha(KEY) == SHA256


def test_write_replaces_and_write_once_does_not(store: Path) -> None:
    blobs.write(KEY, b"old")
    blobs.write(KEY, b"new")
    assert blobs.write_once(KEY, b"newer").sha256 == hashlib.sha256(b"newer").hexdigest()
    assert blobs.read(KEY) == b"new"
    assert files_in(store) == [KEY]


def test_commit_once_says_that_the_key_is_taken() -> None:
    blobs.write(KEY, b"first")
    with blobs.writer(KEY) as out:
        out.write(b"second")
        with pytest.raises(blobs.BlobExists):
            out.commit(once=True)
    assert blobs.read(KEY) == b"first"


def test_writer_hashes_on_the_way_and_leaves_nothing_without_commit(store: Path) -> None:
    with blobs.writer(KEY) as out:
        out.write(PHOTO[:10])
        out.write(PHOTO[10:])
        assert (out.sha256, out.size) == (SHA256, len(PHOTO))
        assert not blobs.exists(KEY)
    assert files_in(store) == []


def test_writer_that_breaks_leaves_nothing(store: Path) -> None:
    def break_off() -> None:
        with blobs.writer(KEY) as out:
            out.write(PHOTO)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        break_off()
    assert files_in(store) == []


def test_missing_blob() -> None:
    assert not blobs.exists(KEY)
    for ask in (blobs.read, blobs.size, blobs.copy_sha, blobs.open):
        with pytest.raises(blobs.BlobMissing, match=KEY):
            ask(KEY)
    with pytest.raises(blobs.BlobMissing):
        blobs.open_range(KEY, 0, 1)
    blobs.delete(KEY)


def test_folder_on_the_way_to_a_key_is_no_blob() -> None:
    blobs.write(KEY, PHOTO)
    folder = KEY.rpartition("/")[0]
    assert not blobs.exists(folder)
    with pytest.raises(blobs.BlobMissing):
        blobs.read(folder)
    blobs.delete(folder)
    assert blobs.exists(KEY)


def test_delete_removes(store: Path) -> None:
    blobs.write(KEY, PHOTO)
    blobs.delete(KEY)
    assert files_in(store) == []


@pytest.mark.parametrize(("start", "length", "expected"), [(0, 4, b"0123"), (8, 100, b"89"), (10, 5, b""), (3, 0, b"")])
def test_open_range(start: int, length: int, expected: bytes) -> None:
    blobs.write(KEY, b"0123456789")
    with blobs.open_range(KEY, start, length) as file:
        assert file.read() == expected


def test_fetch_is_a_link_that_cannot_be_written_through(tmp_path: Path, store: Path) -> None:
    blobs.write(KEY, PHOTO)
    fetched = blobs.fetch(KEY, tmp_path / "work" / "photo.jpg")
    assert fetched.read_bytes() == PHOTO
    assert fetched.stat().st_ino == (store / KEY).stat().st_ino
    assert fetched.stat().st_mode & 0o777 == 0o400
    blobs.fetch(KEY, fetched)  # again, over what is there
    with pytest.raises(blobs.BlobMissing):
        blobs.fetch("photos/none", tmp_path / "none")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../outside",
        "a/../../b",
        "a//b",
        "a/",
        ".parts/x",
        "a/.hidden",
        "a\\b",
        "a\0b",
        "ä",
        "a b",
        "x" * 900,
    ],
)
def test_key_that_could_leave_the_store_is_refused(key: str, store: Path) -> None:
    for ask in (blobs.read, blobs.exists, blobs.delete):
        with pytest.raises(ValueError, match="is not allowed"):
            ask(key)
    with pytest.raises(ValueError, match="is not allowed"):
        blobs.write(key, b"")
    assert not store.exists() or files_in(store) == []


@pytest.mark.parametrize(
    "url", ["ftp://somewhere/x", "blobs", "file://relative/folder", "s3:///no-bucket", "s3://b/?acl=1"]
)
def test_storage_url_that_nobody_understands(url: str, settings: Settings) -> None:
    settings.STORAGE_URL = url
    with pytest.raises(ValueError, match="STORAGE_URL is"):
        blobs.exists(KEY)


def test_killed_writer_leaves_nothing_under_the_key(store: Path) -> None:
    code = f"""
import django, signal, os
django.setup()
from foundation import blobs
with blobs.writer({KEY!r}) as out:
    out.write(b"x" * 100_000)
    print("written", flush=True)
    signal.pause()
"""
    environment = {**os.environ, "STORAGE_URL": f"file://{store}"}
    writer = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"written\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert not blobs.exists(KEY)
    (part,) = (store / ".parts").iterdir()
    FileStore(store)
    assert part.exists()  # it could be another process's
    os.utime(part, (time.time() - 90_000,) * 2)
    FileStore(store)
    assert not part.exists()


FULL_DISK = """
import sys, django
django.setup()
from foundation import blobs
blobs.write("small", b"fits")
try:
    blobs.write("large", b"x" * 4_000_000)
except blobs.StorageFull as error:
    print("full:", error.args[1])
print(blobs.exists("large"), blobs.read("small"))
blobs.write("small", b"still works")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    mount = tmp_path / "disk"
    mount.mkdir()
    script = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" -c "$3"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(mount), sys.executable, FULL_DISK]
    environment = {**os.environ, "STORAGE_URL": f"file://{mount}/blobs"}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    if "unshare failed" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this container may not mount")
    assert done.stdout.splitlines() == [
        "full: No room in the storage for large; make room and try again",
        "False b'fits'",
    ], done.stderr


def test_doctors_probe_leaves_nothing(store: Path) -> None:
    assert blobs.check_storage() == f"file://{store}"
    assert files_in(store) == []

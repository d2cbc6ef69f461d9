"""Blobs in S3, against moto's HTTP server."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from foundation import blobs

PHOTO = b"\xff\xd8 a photo \xff\xd9" * 1000
KEY = "photos/0b9d/original"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _bucket(endpoint: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"bucket-{abs(hash(request.node.name)):x}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
    settings.STORAGE_URL = f"s3://{bucket}/daybreak?endpoint_url={endpoint}"


def test_write_read_size_digest_delete() -> None:
    assert blobs.write(KEY, PHOTO) == blobs.Blob(KEY, hashlib.sha256(PHOTO).hexdigest(), len(PHOTO))
    assert blobs.read(KEY) == PHOTO
    assert blobs.size(KEY) == len(PHOTO)
    assert blobs.copy_sha(KEY) == hashlib.sha256(PHOTO).hexdigest()
    blobs.delete(KEY)
    blobs.delete(KEY)
    assert not blobs.exists(KEY)


def test_write_once_keeps_what_is_there() -> None:
    blobs.write_once(KEY, b"first")
    blobs.write_once(KEY, b"second")
    assert blobs.read(KEY) == b"first"
    with blobs.writer(KEY) as out:
        out.write(b"third")
        with pytest.raises(blobs.BlobExists):
            out.commit(once=True)
    blobs.write(KEY, b"fourth")
    assert blobs.read(KEY) == b"fourth"


def test_writer_leaves_nothing_without_commit() -> None:
    with blobs.writer(KEY) as out:
        out.write(PHOTO)
        assert out.sha256 == hashlib.sha256(PHOTO).hexdigest()
    assert not blobs.exists(KEY)


def test_blob_larger_than_the_spool(tmp_path: Path) -> None:
    big = tmp_path / "model"
    big.write_bytes(b"0123456789abcdef" * (600 << 10))
    blob = blobs.write("artifacts/big", big)
    assert blob.size == 9_830_400
    assert blobs.fetch("artifacts/big", tmp_path / "work" / "big").read_bytes() == big.read_bytes()


@pytest.mark.parametrize(("start", "length", "expected"), [(0, 4, b"0123"), (8, 100, b"89"), (10, 5, b""), (3, 0, b"")])
def test_open_range(start: int, length: int, expected: bytes) -> None:
    blobs.write(KEY, b"0123456789")
    with blobs.open_range(KEY, start, length) as file:
        assert file.read() == expected


def test_missing_blob(tmp_path: Path) -> None:
    for ask in (blobs.read, blobs.size, blobs.copy_sha):
        with pytest.raises(blobs.BlobMissing):
            ask(KEY)
    with pytest.raises(blobs.BlobMissing):
        blobs.open_range(KEY, 0, 1)
    with pytest.raises(blobs.BlobMissing):
        blobs.fetch(KEY, tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_empty_blob() -> None:
    blobs.write(KEY, b"")
    assert blobs.read(KEY) == b""
    assert blobs.size(KEY) == 0

"""Immutable files: validators, ranges, and nothing that no release names."""

import base64
import contextlib
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from foundation import blobs
from modelhub.api.ranges import Span, Unsatisfiable, read_range
from modelhub.domain import files
from modelhub.domain.releases import Release
from tests.modelhub import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def sha256(release: Release) -> str:
    return release.artifacts.get(runtime="litert", precision="int8").sha256


@pytest.fixture
def data(sha256: str) -> bytes:
    return blobs.read(files.key_of(sha256))


def get(client: Client, sha256: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response: Any = client.get(files.path_of(sha256), headers=named)
    response.body = b"".join(response.streaming_content) if response.streaming else response.content
    return response


def test_artifact_is_the_published_bytes_for_ever(client: Client, sha256: str, data: bytes) -> None:
    response = get(client, sha256)
    assert (response.status_code, response.body) == (200, data)
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(len(data)),
        "ETag": f'"sha256-{sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "public, max-age=31536000, immutable, no-transform",
        "Repr-Digest": f"sha-256=:{digest}:",
    }
    assert {name: response[name] for name in headers} == headers
    assert not response.cookies


def test_artifact_costs_one_query(
    client: Client, sha256: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        get(client, sha256, range="bytes=0-1")


def test_artifact_head_opens_nothing(client: Client, sha256: str, data: bytes) -> None:
    blobs.delete(files.key_of(sha256))
    response = client.head(files.path_of(sha256), headers={"range": "bytes=0-1"})
    assert (response.status_code, response["Content-Length"], response.content) == (200, str(len(data)), b"")


def test_artifact_when_known_is_304(client: Client, sha256: str) -> None:
    response = get(client, sha256, if_none_match=f'"sha256-{sha256}"', range="bytes=0-1")
    assert (response.status_code, response.body) == (304, b"")
    assert response["ETag"] == f'"sha256-{sha256}"'


def test_artifact_with_another_if_match_is_412(client: Client, sha256: str) -> None:
    assert get(client, sha256, if_match='"sha256-other"').status_code == 412


RANGES = [  # of 1000 bytes: header, status, first byte, length
    ("bytes=0-0", 206, 0, 1),
    ("bytes=0-499", 206, 0, 500),
    ("bytes=500-", 206, 500, 500),
    ("bytes=999-", 206, 999, 1),
    ("bytes=-1", 206, 999, 1),
    ("bytes=-5000", 206, 0, 1000),
    ("bytes=0-99999999999999999999", 206, 0, 1000),
    ("bytes=00000-9", 206, 0, 10),
    ("BYTES=0-9", 206, 0, 10),
    ("bytes= 0-9 ,", 206, 0, 10),
    ("bytes=1000-", 416, 0, 0),
    ("bytes=1000-1001", 416, 0, 0),
    ("bytes=-0", 416, 0, 0),
    ("bytes=99999999999999999999-", 416, 0, 0),
    ("bytes=9-0", 200, 0, 1000),
    ("bytes=", 200, 0, 1000),
    ("bytes=-", 200, 0, 1000),
    ("bytes=a-b", 200, 0, 1000),
    ("bytes=0-9-", 200, 0, 1000),
    ("bytes=0x0-0x9", 200, 0, 1000),
    ("bytes 0-9", 200, 0, 1000),
    ("items=0-9", 200, 0, 1000),
    ("bytes=0-1,5-6", 200, 0, 1000),  # several ranges: a server may answer with the whole
]


@pytest.mark.parametrize("case", RANGES, ids=[case[0] for case in RANGES])
def test_artifact_range(client: Client, sha256: str, data: bytes, case: tuple[str, int, int, int]) -> None:
    header, status, first, length = case
    response = get(client, sha256, range=header)
    assert response.status_code == status
    if status == 416:
        assert response["Content-Range"] == "bytes */1000"
        assert response.json()["type"] == "/problems/unsatisfiable-range"
        assert response.json()["allowed"] == "bytes 0 to 999"
        return
    assert response.body == data[first : first + length]
    assert response["Content-Length"] == str(length)
    assert response["ETag"] == f'"sha256-{sha256}"'
    expected = f"bytes {first}-{first + length - 1}/1000" if status == 206 else None
    assert response.headers.get("Content-Range") == expected


@pytest.mark.parametrize(
    ("if_range", "status"),
    [("same", 206), ('"sha256-other"', 200), ("weak", 200), ("Sat, 21 Nov 2026 02:10:00 GMT", 200)],
)
def test_artifact_if_range_guards_the_range(client: Client, sha256: str, if_range: str, status: int) -> None:
    etag = f'"sha256-{sha256}"'
    value = {"same": etag, "weak": f"W/{etag}"}.get(if_range, if_range)
    assert get(client, sha256, range="bytes=10-", if_range=value).status_code == status
    assert get(client, sha256, range="bytes=5000-", if_range=value).status_code == (416 if status == 206 else 200)


@given(size=st.integers(1, 50), header=st.text("bytes=-0123456789, \t", max_size=20))
def test_range_is_inside_the_file_or_refused(size: int, header: str) -> None:
    try:
        span = read_range(header, size)
    except Unsatisfiable:
        return
    assert span is None or (span.start >= 0 and span.length >= 1 and span.start + span.length <= size)


@given(data=st.data(), size=st.integers(1, 10**12))
def test_range_of_first_and_last_is_a_slice(data: st.DataObject, size: int) -> None:
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, 10**30))
    assert read_range(f"bytes={first}-{last}", size) == Span(first, min(last, size - 1) - first + 1)
    assert read_range(f"bytes={first}-", size) == Span(first, size - first)


@given(size=st.integers(1, 10**12), last=st.integers(1, 10**30))
def test_range_of_last_bytes_ends_the_file(size: int, last: int) -> None:
    span = read_range(f"bytes=-{last}", size)
    assert span is not None
    assert (span.start + span.length, span.length) == (size, min(last, size))


@given(header=st.binary(max_size=40))
def test_range_of_any_bytes_never_breaks(header: bytes) -> None:
    with contextlib.suppress(Unsatisfiable):
        read_range(header.decode("latin-1"), 10)


@pytest.mark.parametrize(
    "path",
    [
        f"/m/sha256/00/{'0' * 64}",
        f"/m/sha256/0/{'0' * 64}",
        "/m/sha256/00/etc",
        "/m/sha256/../../etc/passwd",
    ],
)
def test_artifact_that_is_not_there_is_404(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_artifact_under_another_shard_is_404(client: Client, sha256: str) -> None:
    shard = "00" if not sha256.startswith("00") else "11"
    assert client.get(f"/m/sha256/{shard}/{sha256}").status_code == 404


def test_artifact_that_no_release_names_is_404_though_stored(client: Client, hub: Path) -> None:
    file = making.make_file(hub, b"never published")
    files.store(file)
    assert client.get(files.path_of(file.sha256)).status_code == 404


def test_artifact_whose_bytes_are_lost_is_503_not_half_an_answer(client: Client, sha256: str) -> None:
    blobs.delete(files.key_of(sha256))
    response = client.get(files.path_of(sha256))
    assert response.status_code == 503
    assert response["Retry-After"] == "300"
    assert response.json()["type"] == "/problems/artifact-missing"

"""Sending photos as phones in the field rely on it: each answer with its status, members and headers."""

import base64
import hashlib
import io
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import LazySettings
from django.http import HttpRequest

from collector.domain import challenges, normalising, photos, projects, uploads
from collector.domain.receipts import receipt_for
from collector.enums import PhotoState
from collector.models import Photo, Project
from foundation import blobs, jobs
from foundation.models import Job
from foundation.problems import Problem
from tests.collector.conftest import API, Phone, check_problem, digest, draw, encode, in_json, jpeg, stored

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.django_db


# --- PUT, stored ---------------------------------------------------------------------------------------------------
def test_put_first_time_is_created_with_receipt_in_body_and_headers(alice: Phone) -> None:
    data, photo_id = jpeg(), uuid.uuid4()
    answer = alice.put(data, photo_id)
    assert answer.status_code == 201
    receipt = json.loads(answer.content)
    photo = Photo.objects.get(pk=photo_id)
    assert receipt == {
        "photo": str(photo_id),
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "received_at": in_json(photo.received_at),
        "signature": receipt_for(photo).signature,
    }
    assert json.loads(answer["Daybreak-Receipt"]) == receipt
    assert answer["Location"] == f"{API}/photos/{photo_id}"
    assert answer["Cache-Control"] == "no-store"


def test_put_stores_bytes_row_and_job(alice: Phone, notes: Project) -> None:
    data, photo_id = jpeg(), uuid.uuid4()
    challenge = challenges.set_challenge(notes, challenges.local_day(notes), text="A 5 euro note in dim light")
    query = (
        f"project=notes&label=five&challenge={challenge.pk}&captured_at=2026-11-20T21:15:00%2B01:00"
        "&release=notes-7&scores=five:0.91,ten:0.05"
    )
    assert alice.put(data, photo_id, query).status_code == 201
    photo = Photo.objects.select_related("claimed_label", "label").get(pk=photo_id)
    assert photo.volunteer == alice.volunteer
    assert photo.state == PhotoState.RECEIVED
    assert photo.challenge == challenge
    assert photo.label == photo.claimed_label
    assert photo.label is not None
    assert photo.label.slug == "five"
    assert photo.captured_at is not None
    assert photo.captured_at.isoformat() == "2026-11-20T20:15:00+00:00"
    assert (photo.release, photo.scores) == ("notes-7", {"five": 0.91, "ten": 0.05})
    assert (photo.media_type, photo.size_bytes) == ("image/jpeg", len(data))
    assert blobs.read(f"photos/{photo_id}/original-{photo.sha256}") == data
    assert jobs.find("collector.normalise_photo", str(photo_id)) is not None


def test_put_without_label_waits_for_the_reviewer_to_name_it(alice: Phone) -> None:
    photo_id = uuid.uuid4()
    assert alice.put(jpeg(), photo_id, "project=notes&label=&captured_at=&challenge=").status_code == 201
    assert Photo.objects.get(pk=photo_id).label is None


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("JPEG", "jpeg"), ("PNG", "png"), ("WEBP", "webp"), ("HEIF", "heic"), ("MPO", "jpeg")],
)
def test_put_takes_each_format(alice: Phone, name: str, media_type: str) -> None:
    photo_id = uuid.uuid4()
    options = {"save_all": True, "append_images": [draw(2)]} if name == "MPO" else {}
    assert alice.put(encode(draw(1), name, **options), photo_id).status_code == 201
    assert Photo.objects.get(pk=photo_id).media_type == f"image/{media_type}"


def test_put_replay_is_ok_with_the_first_receipt(alice: Phone) -> None:
    data, photo_id = jpeg(), uuid.uuid4()
    first = alice.put(data, photo_id)
    again = alice.put(data, photo_id, "project=notes&label=ten")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    for name in ("Daybreak-Receipt", "Location"):
        assert again[name] == first[name]
    assert Photo.objects.get(pk=photo_id).label.slug == "five"
    assert Job.objects.filter(key=str(photo_id)).count() == 1


def test_put_replay_after_normalising_is_ok(alice: Phone) -> None:
    data, photo_id = jpeg(), uuid.uuid4()
    alice.put(data, photo_id)
    normalising.normalise_photo(photo_id)
    assert alice.put(data, photo_id).status_code == 200
    assert Photo.objects.get(pk=photo_id).state == PhotoState.AWAITING_REVIEW


def test_put_same_bytes_under_two_ids_are_two_photos(alice: Phone, bob: Phone) -> None:
    assert alice.put(jpeg()).status_code == 201
    assert alice.put(jpeg()).status_code == 201
    assert bob.put(jpeg()).status_code == 201
    assert Photo.objects.count() == 3


def test_put_never_holds_the_body_in_memory(alice: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    def body(_request: HttpRequest) -> bytes:
        raise AssertionError("request.body was read")

    monkeypatch.setattr(HttpRequest, "body", property(body))
    assert alice.put(jpeg()).status_code == 201


def test_digest_among_others_is_found(alice: Phone) -> None:
    data = jpeg()
    both = f"sha-512=:{base64.b64encode(hashlib.sha512(data).digest()).decode()}:, {digest(data)}"
    assert alice.put(data, headers={"Content-Digest": both}).status_code == 201


# --- PUT, refused: nothing is left behind --------------------------------------------------------------------------
NOTES = "project=notes"
REFUSED = [
    ("not an image", b"GIF89a and so on" * 20, {}, {}, 415, "not-a-photo"),
    ("an empty body", b"", {}, {}, 415, "not-a-photo"),
    ("a web page", b"<html><script>alert(1)</script>", {}, {}, 415, "not-a-photo"),
    ("an AVIF", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", {}, {}, 415, "not-a-photo"),
    ("26 MB", b"\xff\xd8\xff" + bytes(26_000_000), {}, {}, 413, "too-large"),
    ("wrong digest", jpeg(), {}, {"Content-Digest": digest(b"other bytes")}, 400, "wrong-digest"),
    ("no digest", jpeg(), {}, {"Content-Digest": ""}, 400, "digest-required"),
    ("a digest of another kind", jpeg(), {}, {"Content-Digest": "md5=:AAAA:"}, 400, "digest-required"),
    ("a digest cut short", jpeg(), {}, {"Content-Digest": "sha-256=:AAAA:"}, 400, "digest-required"),
    ("unknown project", jpeg(), {"query": "project=coins"}, {}, 404, "unknown-project"),
    ("unknown label", jpeg(), {"query": "project=notes&label=fifty"}, {}, 404, "unknown-label"),
    ("unknown challenge", jpeg(), {"query": "project=notes&challenge=99999"}, {}, 404, "unknown-challenge"),
    ("a challenge that is no number", jpeg(), {"query": "project=notes&challenge=x"}, {}, 404, "unknown-challenge"),
    ("no project", jpeg(), {"query": "label=five"}, {}, 400, "invalid-parameter"),
    ("unknown query parameter", jpeg(), {"query": "project=notes&lable=five"}, {}, 400, "unknown-parameter"),
    ("a query parameter twice", jpeg(), {"query": "project=notes&project=coins"}, {}, 400, "unknown-parameter"),
    ("a time without zone", jpeg(), {"query": f"{NOTES}&captured_at=2026-11-20T21:15"}, {}, 400, "invalid-parameter"),
    ("no time at all", jpeg(), {"query": "project=notes&captured_at=yesterday"}, {}, 400, "invalid-parameter"),
    ("scores above one", jpeg(), {"query": "project=notes&scores=five:1.2"}, {}, 400, "invalid-parameter"),
    ("scores that are none", jpeg(), {"query": "project=notes&scores=five"}, {}, 400, "invalid-parameter"),
    ("scores with a strange number", jpeg(), {"query": "project=notes&scores=five:e"}, {}, 400, "invalid-parameter"),
    ("a long release", jpeg(), {"query": f"project=notes&release={'x' * 41}"}, {}, 400, "invalid-parameter"),
    ("no token", jpeg(), {}, {"Authorization": ""}, 401, "not-signed-in"),
    ("an invented token", jpeg(), {}, {"Authorization": "Bearer made-up"}, 401, "not-signed-in"),
    ("another scheme", jpeg(), {}, {"Authorization": "Basic YTpi"}, 401, "not-signed-in"),
]


@pytest.mark.parametrize("case", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_put_refused_leaves_nothing_behind(alice: Phone, storage: Path, case: tuple[Any, ...]) -> None:
    data, asked, headers, status, kind = case
    answer = alice.put(data, headers=headers, **asked)
    check_problem(answer, status, kind)
    if status == 401:
        assert answer["WWW-Authenticate"] == "Bearer"
    assert stored(storage) == []
    assert not Photo.objects.exists()
    assert not Job.objects.exists()


def test_put_refusals_say_what_is_allowed(alice: Phone) -> None:
    assert check_problem(alice.put(b"GIF89a" * 9), 415, "not-a-photo")["allowed"] == "JPEG, PNG, WebP and HEIC"
    assert check_problem(alice.put(jpeg(), query="project=x"), 404, "unknown-project")["allowed"] == "notes"
    unknown_label = check_problem(alice.put(jpeg(), query="project=notes&label=x"), 404, "unknown-label")
    assert unknown_label["allowed"] == "five, ten"
    unknown = check_problem(alice.put(jpeg(), query="project=notes&x=1"), 400, "unknown-parameter")
    assert unknown["allowed"] == "project, challenge, label, captured_at, release, scores"
    assert "25 MB" in check_problem(alice.put(bytes(26_000_000)), 413, "too-large")["allowed"]


def test_put_too_long_for_its_announcement_is_refused_while_reading(alice: Phone, storage: Path) -> None:
    piece = b"\xff\xd8\xff" + bytes(999_997)
    upload = uploads.Upload(photo_id=uuid.uuid4(), project=projects.get_project("notes"), sha256="0" * 64)
    read = []

    def endless() -> Any:
        while True:
            read.append(1)
            yield piece

    with pytest.raises(Problem) as refused:
        uploads.receive_photo(upload, endless(), by=alice.volunteer)
    assert (refused.value.status, len(read)) == (413, 26)
    assert stored(storage) == []


def test_put_of_unknown_length_is_refused(alice: Phone, storage: Path) -> None:
    data = jpeg()
    answer = alice.client.generic(
        "PUT",
        f"{API}/photos/{uuid.uuid4()}?project=notes",
        data,
        headers={**alice.headers, "Content-Digest": digest(data)},
        CONTENT_LENGTH="",
    )
    check_problem(answer, 411, "length-required")
    assert stored(storage) == []


@pytest.mark.parametrize(("size", "status"), [(5_000, 201), (25_000_001, 413)])
def test_put_in_chunks_is_counted_while_reading(alice: Phone, storage: Path, size: int, status: int) -> None:
    data = jpeg().ljust(size, b"\0")
    server: dict[str, Any] = {"wsgi.input": io.BytesIO(data), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    headers = {**alice.headers, "Content-Digest": digest(data), "Transfer-Encoding": "chunked"}
    answer = alice.client.generic("PUT", f"{API}/photos/{uuid.uuid4()}?project=notes", headers=headers, **server)
    assert answer.status_code == status
    assert len(stored(storage)) == (status == 201)


def test_put_under_a_strange_id_is_refused(alice: Phone) -> None:
    answer = alice.client.put(f"{API}/photos/not-a-uuid?project=notes", b"", headers=alice.headers)
    check_problem(answer, 400, "invalid-parameter")


def test_put_same_id_other_bytes_is_a_conflict(alice: Phone, storage: Path) -> None:
    photo_id = uuid.uuid4()
    first, other = jpeg(1), jpeg(2)
    alice.put(first, photo_id)
    problem = check_problem(alice.put(other, photo_id), 409, "other-bytes")
    assert problem["stored"] == hashlib.sha256(first).hexdigest()
    assert problem["received"] == hashlib.sha256(other).hexdigest()
    assert len(stored(storage)) == 1
    assert Photo.objects.get(pk=photo_id).sha256 == problem["stored"]


@pytest.mark.parametrize("seed", [1, 2], ids=["same bytes", "other bytes"])
def test_put_another_volunteers_id_does_not_exist(alice: Phone, bob: Phone, storage: Path, seed: int) -> None:
    photo_id = uuid.uuid4()
    alice.put(jpeg(1), photo_id)
    check_problem(bob.put(jpeg(seed), photo_id), 404, "unknown-photo")
    assert len(stored(storage)) == 1
    assert Photo.objects.get(pk=photo_id).volunteer == alice.volunteer


def test_put_with_full_storage_asks_to_come_back(alice: Phone, storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)  # the disk's doing, not our code's
    answer = alice.put(jpeg())
    check_problem(answer, 507, "storage-full")
    assert answer["Retry-After"] == "600"
    assert stored(storage) == []
    assert not Photo.objects.exists()
    monkeypatch.undo()
    assert alice.put(jpeg()).status_code == 201


def test_put_with_storage_away_asks_to_come_back(alice: Phone, settings: LazySettings, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("a file where a folder should be")
    settings.STORAGE_URL = f"file://{in_the_way}/blobs"
    answer = alice.put(jpeg())
    check_problem(answer, 503, "unavailable")
    assert answer["Retry-After"] == "30"
    assert not Photo.objects.exists()


def test_put_again_after_a_crash_before_the_row_finds_its_bytes(alice: Phone, storage: Path) -> None:
    data, photo_id = jpeg(), uuid.uuid4()
    blobs.write(photos.original_key(photo_id, hashlib.sha256(data).hexdigest()), data)  # then the process died
    assert alice.get(photo_id).status_code == 404
    assert alice.put(data, photo_id).status_code == 201
    assert len(stored(storage)) == 1


def test_put_cut_off_photo_is_stored_and_found_unreadable(alice: Phone) -> None:
    photo_id = uuid.uuid4()
    assert alice.put(encode(draw(1, (640, 480)))[:-900], photo_id).status_code == 201
    assert normalising.normalise_photo(photo_id)
    shown = json.loads(alice.get(photo_id).content)
    assert shown["state"] == "unreadable"
    assert shown["reason"].startswith("The photo is cut off or damaged (")
    assert shown["urls"] is None


def test_put_60_megapixels_is_stored_and_found_unreadable(alice: Phone) -> None:
    photo_id = uuid.uuid4()
    assert alice.put(encode(draw(1, (10_000, 6_000))), photo_id).status_code == 201
    assert normalising.normalise_photo(photo_id)
    shown = json.loads(alice.get(photo_id).content)
    assert shown["reason"] == "The photo has 60 megapixels; at most 50 are allowed."

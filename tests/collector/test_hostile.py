"""Hostile files at the real sandbox: each ends as pixels or as a verdict, and the worker goes on as if nothing were."""

import json
import time
import uuid
from collections.abc import Iterator

import psutil
import pytest

from collector.domain import normalising
from collector.models import Photo
from collector.normaliser import sandbox
from collector.normaliser.frames import Unreadable
from tests.collector import hostile
from tests.collector.conftest import Phone, check_problem, jpeg, send

pytestmark = pytest.mark.slow

CORPUS = dict(hostile.corpus())
BOMBS = [name for name in hostile.SPECIAL if "claims" in name or "as can be" in name or "unpack" in name]
LARGE_CLAIMS = [name for name in BOMBS if any(size in name for size in ("65,500", "gigapixels", "60,000", "16,383"))]


@pytest.fixture(scope="module", autouse=True)
def _fresh() -> Iterator[None]:
    sandbox.close()
    yield
    sandbox.close()


def children() -> list[psutil.Process]:
    mine = psutil.Process().children(recursive=True)
    return [child for child in mine if "collector.normaliser" in " ".join(child.cmdline())]


def outcome(data: bytes) -> str:
    """Pixels, or the sentence for the owner. Anything else is raised."""
    try:
        made = sandbox.normalise(data)
    except Unreadable as verdict:
        return str(verdict)
    assert made.jpeg.startswith(b"\xff\xd8")
    assert made.jpeg.endswith(b"\xff\xd9")
    return f"{made.width} x {made.height}"


def test_corpus_is_large_and_the_same_each_time() -> None:
    assert len(CORPUS) > 200
    again = dict(hostile.corpus())
    assert {name: hash(data) for name, data in CORPUS.items()} == {name: hash(data) for name, data in again.items()}


def test_each_file_of_the_corpus_ends_as_pixels_or_as_a_verdict() -> None:
    slow, sentences = {}, set()
    for name, data in CORPUS.items():
        began = time.monotonic()
        said = outcome(data)
        assert said[0].isdigit() or (said.startswith("The photo ") and said.endswith(".")), (name, said)
        assert len(said) < 200, (name, said)
        sentences.add(said)
        if (took := time.monotonic() - began) > 5:
            slow[name] = took
    assert slow == {}
    assert len(sentences) > 5  # they were harmed in different ways
    for child in children():
        assert (child.open_files(), child.net_connections(), child.children()) == ([], [], [])
    assert outcome(jpeg()) == "64 x 48"


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_costs_neither_time_nor_memory(name: str) -> None:
    outcome(jpeg())  # a child that is warm
    before = {child.pid: child.memory_info().rss for child in children()}
    began = time.monotonic()
    outcome(hostile.SPECIAL[name]())
    assert time.monotonic() - began < 5
    grown = [child.memory_info().rss - before.get(child.pid, 0) for child in children()]
    assert max(grown) < 300e6


@pytest.mark.parametrize("name", LARGE_CLAIMS)
def test_claim_of_a_huge_size_is_refused_from_the_header(name: str) -> None:
    data = hostile.SPECIAL[name]()
    outcome(jpeg())
    (child,) = children()
    before = child.cpu_times().user
    assert not outcome(data)[0].isdigit()
    assert child.is_running()
    assert child.cpu_times().user - before < 0.2


@pytest.mark.django_db
def test_hostile_photos_of_a_phone_end_as_clear_states(alice: Phone) -> None:
    special = {name: data for name, data in CORPUS.items() if name in hostile.SPECIAL}
    for data in special.values():
        photo_id = uuid.uuid4()
        answer = alice.put(data, photo_id)
        if answer.status_code == 415:  # not even the first bytes look like a photo's
            continue
        assert answer.status_code == 201
        assert normalising.normalise_photo(photo_id)
        shown = json.loads(alice.get(photo_id).content)
        assert shown["state"] in {"awaiting_review", "unreadable"}
        assert bool(shown["reason"]) is (shown["state"] == "unreadable")
    assert Photo.objects.filter(state="unreadable").count() > 20
    assert send(alice, 9).state == "awaiting_review"


@pytest.mark.django_db
@pytest.mark.parametrize("name", hostile.disguised())
def test_what_does_not_begin_as_a_photo_is_refused_at_the_door(alice: Phone, name: str) -> None:
    check_problem(alice.put(hostile.disguised()[name]), 415, "not-a-photo")

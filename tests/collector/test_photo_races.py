"""Many at once: the database decides, and what it decided is what everybody hears."""

import uuid
from functools import partial
from pathlib import Path

import pytest

from collector.domain import normalising, photos
from collector.enums import PhotoState
from collector.models import Photo
from foundation import blobs, jobs
from foundation.enums import JobState
from foundation.models import Job
from tests.collector.conftest import Phone, jpeg, make_phone, stored
from tests.collector.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


def test_put_same_bytes_at_once_is_one_photo_and_one_receipt(alice: Phone, storage: Path) -> None:
    photo_id, data = uuid.uuid4(), jpeg()
    phones = [Phone(alice.volunteer, alice.token) for _ in range(THREADS)]
    answers = at_once(*[lambda phone=phone: phone.put(data, photo_id) for phone in phones])
    assert sorted(answer.status_code for answer in answers) == [200] * (THREADS - 1) + [201]
    assert len({answer["Daybreak-Receipt"] for answer in answers}) == 1
    assert len(stored(storage)) == 1
    assert Photo.objects.count() == Job.objects.filter(kind="collector.normalise_photo").count() == 1
    assert blobs.read(photos.original_key(photo_id, Photo.objects.get().sha256)) == data


def test_put_different_bytes_at_once_keeps_the_winners(alice: Phone, storage: Path) -> None:
    photo_id, bodies = uuid.uuid4(), [jpeg(seed) for seed in range(THREADS)]
    phones = [Phone(alice.volunteer, alice.token) for _ in bodies]
    answers = at_once(*[lambda p=p, b=b: p.put(b, photo_id) for p, b in zip(phones, bodies, strict=True)])
    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [201] + [409] * (THREADS - 1)
    assert len(stored(storage)) == 1
    winner = bodies[codes.index(201)]
    assert blobs.read(photos.original_key(photo_id, Photo.objects.get().sha256)) == winner


def test_put_by_different_volunteers_at_once_belongs_to_one(alice: Phone, storage: Path) -> None:
    photo_id, data = uuid.uuid4(), jpeg()
    phones = [make_phone() for _ in range(THREADS)]
    answers = at_once(*[lambda phone=phone: phone.put(data, photo_id) for phone in phones])
    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [201] + [404] * (THREADS - 1)
    assert Photo.objects.get().volunteer == phones[codes.index(201)].volunteer
    assert len(stored(storage)) == 1  # nobody who lost has deleted the winner's equal bytes


def test_delete_and_replay_at_once_leave_no_bytes(alice: Phone, storage: Path) -> None:
    for seed in range(4):
        photo_id, data = uuid.uuid4(), jpeg(seed)
        alice.put(data, photo_id)
        other = Phone(alice.volunteer, alice.token)
        deleted, put = at_once(partial(alice.delete, photo_id), partial(other.put, data, photo_id))
        assert deleted.status_code == 204
        assert put.status_code in {200, 410}
    assert stored(storage) == []


def test_delete_and_normalise_at_once_leave_no_bytes(alice: Phone, storage: Path) -> None:
    for seed in range(6):
        photo_id = uuid.uuid4()
        alice.put(jpeg(seed), photo_id)
        at_once(partial(alice.delete, photo_id), partial(normalising.normalise_photo, photo_id))
        assert Photo.objects.get(pk=photo_id).state == PhotoState.DELETED
    assert stored(storage) == []


def test_normalise_delivered_many_times_is_done_once(alice: Phone) -> None:
    photo_id = uuid.uuid4()
    alice.put(jpeg(), photo_id)
    done = at_once(*[lambda: normalising.normalise_photo(photo_id)] * THREADS)
    assert done.count(True) == 1
    job = jobs.find("collector.normalise_photo", str(photo_id))
    assert job is not None
    assert (job.state, job.attempts) == (JobState.DONE, 1)
    assert not normalising.normalise_photo(photo_id)

"""The feature store: a row of features for each photo once, few packs, and none of a photo that was erased."""

import contextlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models import F

from collector.domain import photos
from collector.enums import DeletionCause
from collector.models import Photo, Project
from foundation import blobs, jobs
from foundation.enums import JobState
from tests.training import photos_kit as kit
from training.domain import erasures, features
from training.domain.folders import TIDY
from training.enums import PackState
from training.ml import contract
from training.models import FeaturePack

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
KEY, OTHER = "a" * 64, "b" * 64
WIDTH = 4
CALLS = {blobs: ("write", "delete", "fetch"), features: ("make_ready", "sweep", "_accepted", "_read_digests")}


class Killed(BaseException):
    """As kill -9: nothing cleans up after it."""


@pytest.fixture
def project() -> Project:
    return kit.make_project()


@pytest.fixture
def taken(project: Project) -> list[Photo]:
    """Six accepted photos."""
    return kit.accept(project, kit.make_volunteers(1)[0], "five", 6)


def digest_of(photo: Photo) -> bytes:
    return bytes.fromhex(photo.normalised_sha256)


def store(project: Project, folder: Path, some: list[Photo], key: str = KEY) -> FeaturePack:
    path = folder / "pack"
    rows = [digest_of(photo)[: 2 * WIDTH] for photo in some]  # each photo's own
    contract.write_pack(path, key, WIDTH, [digest_of(photo) for photo in some], rows)
    pack = features.write(project, key, path)
    features.make_ready(pack)
    return pack


def stored_rows(project: Project, folder: Path) -> dict[bytes, bytes]:
    """Digest to row of every pack a night would bring."""
    features.bring(project, [KEY], folder / "features")
    found = {}
    for path in (folder / "features").iterdir():
        pack = contract.open_pack(path)
        data = path.read_bytes()[pack.head.rows_at :]
        for row, digest in enumerate(pack.digests):
            found[digest] = data[row * 2 * WIDTH : (row + 1) * 2 * WIDTH]
    return found


def files_left() -> set[str]:
    root = Path(settings.STORAGE_URL.removeprefix("file://")) / "features"
    return {path.name for path in root.iterdir()}


def erase(photo: Photo) -> None:
    photos.mark_deleted(Photo.objects.filter(pk=photo.pk), DeletionCause.OWNER)


def test_rows_of_a_key_are_known_and_brought_and_others_are_not(
    project: Project, taken: list[Photo], tmp_path: Path
) -> None:
    store(project, tmp_path, taken[:2])
    store(project, tmp_path, taken[2:4])
    store(project, tmp_path, taken[4:], OTHER)
    store(kit.make_project("elsewhere"), tmp_path, taken[5:])
    expected = {digest_of(photo) for photo in taken[:4]}
    assert features.known(project, KEY) == expected
    assert stored_rows(project, tmp_path) == {digest: digest[: 2 * WIDTH] for digest in expected}


def test_pack_is_unknown_until_it_is_shown(project: Project, taken: list[Photo], tmp_path: Path) -> None:
    pack = store(project, tmp_path, taken)
    FeaturePack.objects.filter(pk=pack.pk).update(state=PackState.WRITING)
    assert features.known(project, KEY) == set()
    features.make_ready(pack)
    assert len(features.known(project, KEY)) == 6


def test_same_pack_stored_twice_is_there_once(project: Project, taken: list[Photo], tmp_path: Path) -> None:
    first, second = (store(project, tmp_path, taken) for _ in range(2))
    assert list(FeaturePack.objects.filter(state=PackState.READY)) == [first]
    features.sweep(project)
    assert not FeaturePack.objects.filter(pk=second.pk).exists()
    assert len(stored_rows(project, tmp_path)) == 6


def test_lost_pack_counts_as_never_computed(project: Project, taken: list[Photo], tmp_path: Path) -> None:
    lost = store(project, tmp_path, taken[:3])
    store(project, tmp_path, taken[3:])
    blobs.delete(features.blob_key(lost))
    assert features.known(project, KEY) == {digest_of(photo) for photo in taken[3:]}


def test_erased_photo_leaves_the_packs_and_the_storage(project: Project, taken: list[Photo], tmp_path: Path) -> None:
    store(project, tmp_path, taken[:3])
    store(project, tmp_path, taken[3:4])
    untouched = store(project, tmp_path, taken[4:], OTHER)
    erase(taken[0])
    erase(taken[3])
    erasures.mark_all()
    job = jobs.find(TIDY, str(project.pk))
    assert job
    assert job.state == JobState.QUEUED
    features.tidy(project.pk)
    assert set(stored_rows(project, tmp_path)) == {digest_of(photo) for photo in taken[1:3]}
    gone = [digest_of(photo) for photo in (taken[0], taken[3])]
    for pack in FeaturePack.objects.all():
        assert not any(digest in blobs.read(features.blob_key(pack)) for digest in gone)
    assert files_left() == {features.blob_key(pack).removeprefix("features/") for pack in FeaturePack.objects.all()}
    assert FeaturePack.objects.filter(pk=untouched.pk).exists()
    features.tidy_soon(project)
    job.refresh_from_db()
    assert job.state == JobState.DONE  # nothing is left to be tidied


def test_pack_that_arrives_after_its_photo_was_erased_is_found_too(
    project: Project, taken: list[Photo], tmp_path: Path
) -> None:
    erase(taken[0])
    features.tidy_soon(project)
    features.tidy(project.pk)
    store(project, tmp_path, taken)  # a night that began before
    features.tidy_soon(project)
    features.tidy(project.pk)
    assert len(features.known(project, KEY)) == 5


def test_many_packs_become_few_and_lose_no_row(project: Project, taken: list[Photo], tmp_path: Path) -> None:
    many = kit.accept(project, taken[0].volunteer, "ten", features.MOST_PACKS + 3)
    large = store(project, tmp_path, taken)
    for photo in many:
        store(project, tmp_path, [photo])
    features.tidy_soon(project)
    features.tidy(project.pk)
    assert FeaturePack.objects.count() == features.MOST_PACKS // 2 + 1
    assert FeaturePack.objects.filter(pk=large.pk).exists()  # the largest is not copied for a few small ones
    expected = {digest_of(photo) for photo in [*taken, *many]}
    assert stored_rows(project, tmp_path) == {digest: digest[: 2 * WIDTH] for digest in expected}


@pytest.mark.parametrize("step", range(10))
def test_tidying_killed_before_any_call_is_made_good_by_the_next(
    project: Project, taken: list[Photo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    for photo in taken:
        store(project, tmp_path, [photo])
    store(project, tmp_path, taken)
    erase(taken[0])
    left = [step]

    def dying(real: object) -> object:
        def call(*args: object, **kwargs: object) -> object:
            if not left[0]:
                raise Killed
            left[0] -= 1
            return real(*args, **kwargs)  # type: ignore[operator]  # any function

        return call

    with monkeypatch.context() as patch, contextlib.suppress(Killed):
        for room, names in CALLS.items():
            for name in names:
                patch.setattr(room, name, dying(getattr(room, name)))
        features.forget_erased(project, tmp_path)
        features.merge(project, tmp_path)
        features.sweep(project)
    FeaturePack.objects.filter(state=PackState.WRITING).update(created_at=F("created_at") - timedelta(days=2))
    features.tidy_soon(project)
    features.tidy(project.pk)
    assert features.known(project, KEY) == {digest_of(photo) for photo in taken[1:]}
    assert set(FeaturePack.objects.values_list("state", flat=True)) == {PackState.READY}
    assert files_left() == {features.blob_key(pack).removeprefix("features/") for pack in FeaturePack.objects.all()}

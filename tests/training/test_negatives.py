"""Rejected photos that go with a snapshot: on their volunteer's side, and gone when they may not be used any more."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.enums import PhotoState, ReviewAction
from collector.models import Appeal, Photo, Project, Review, Volunteer
from foundation import jobs
from foundation.models import User
from tests.training import photos_kit as kit
from tests.training.nights_kit import NIGHT
from training.domain import negatives
from training.domain.folders import KIND
from training.domain.shifts import Shift
from training.domain.splits import pseudonym
from training.enums import Side
from training.ml import contract
from training.models import Run, SplitSide

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


@pytest.fixture
def project() -> Project:
    return kit.make_project()


@pytest.fixture
def rosa() -> User:
    return User.objects.create_user("rosa@example.org", "correct horse")


@contextlib.contextmanager
def a_shift(project: Project, work: Path) -> Iterator[Shift]:
    run = Run.objects.create(project=project, night=NIGHT)
    jobs.requeue(KIND, str(run.pk))
    lease = jobs.claim(KIND, str(run.pk))
    assert lease
    for name in ("snapshot", "photos"):
        (work / name).mkdir(parents=True)
    contract.write_manifest(work / "snapshot" / "manifest.jsonl", [])
    yield Shift(run, lease, work)


def reject(project: Project, by: Volunteer, reviewer: User, count: int = 1) -> list[Photo]:
    """So many rejected photos that show something else, their bytes stored."""
    found = kit.accept(project, by, "five", count, is_stored=True, state=PhotoState.REJECTED)
    for photo in found:
        Review.objects.create(
            photo=photo,
            reviewer=reviewer,
            action=ReviewAction.REJECT,
            reason="wrong_object",
            normalised_sha256=photo.normalised_sha256,
        )
    return found


def read(work: Path) -> list[contract.ManifestPhoto]:
    return contract.read_manifest(work / "snapshot" / "negatives.jsonl")


def bytes_in(work: Path) -> set[str]:
    return {path.stem for path in (work / "photos").iterdir()}


def test_rejected_photos_are_on_the_side_of_their_volunteer(project: Project, rosa: User, tmp_path: Path) -> None:
    people = kit.make_volunteers(8)
    for at, person in enumerate(people):
        name = pseudonym(project.split_secret, "volunteer", person.pk)
        SplitSide.objects.create(project=project, group=f"v:{name}", side=Side.TRAIN if at % 2 else Side.GOLDEN)
        reject(project, person, rosa)
    with a_shift(project, tmp_path) as shift:
        told = negatives.freeze(shift)
    assert (told["train"], told["golden"]) == (4, 4)
    sides = dict(SplitSide.objects.values_list("group", "side"))
    assert all(line.side == sides[f"v:{line.volunteer}"] for line in read(tmp_path))
    assert {line.label for line in read(tmp_path)} == {"wrong_object"}


def test_all_of_a_volunteer_nobody_has_sorted_are_on_one_side_and_nothing_is_written_down(
    project: Project, rosa: User, tmp_path: Path
) -> None:
    for person in kit.make_volunteers(12):
        reject(project, person, rosa, 2)
    with a_shift(project, tmp_path) as shift:
        negatives.freeze(shift)
    assert len({(line.volunteer, line.side) for line in read(tmp_path)}) == 12
    assert not SplitSide.objects.exists()


def test_photos_by_nobody_known_teach_and_never_judge(project: Project, rosa: User, tmp_path: Path) -> None:
    for person in kit.make_volunteers(12, is_known=False):
        reject(project, person, rosa)
    with a_shift(project, tmp_path) as shift:
        assert negatives.freeze(shift)["golden"] == 0


def test_the_same_pixels_are_listed_once(project: Project, rosa: User, tmp_path: Path) -> None:
    for person in kit.make_volunteers(6):
        reject(project, person, rosa)
    Photo.objects.update(normalised_sha256="a" * 64)
    with a_shift(project, tmp_path) as shift:
        negatives.freeze(shift)
    assert len(read(tmp_path)) == 1


def test_bytes_come_and_those_of_an_appealed_photo_go(project: Project, rosa: User, tmp_path: Path) -> None:
    kept, appealed = reject(project, kit.make_volunteers(1)[0], rosa, 2)
    with a_shift(project, tmp_path) as shift:
        negatives.freeze(shift)
        negatives.materialise(shift)
        assert bytes_in(tmp_path) == {kept.normalised_sha256, appealed.normalised_sha256}
        Appeal.objects.create(review=appealed.reviews.get(action=ReviewAction.REJECT), photo=appealed)
        negatives.materialise(shift)
    assert bytes_in(tmp_path) == {kept.normalised_sha256}


def test_a_project_without_rejected_photos_has_an_empty_list(project: Project, tmp_path: Path) -> None:
    with a_shift(project, tmp_path) as shift:
        assert negatives.freeze(shift)["train"] == 0
        negatives.materialise(shift)
    assert (read(tmp_path), bytes_in(tmp_path)) == ([], set())

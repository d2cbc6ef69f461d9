"""Runs say how many of the photos they learned from were erased since."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from collector.domain import devices, joining, photos
from collector.domain import erasures as asked
from collector.domain.people import Person
from collector.enums import DeletionCause
from collector.models import Photo, Project, Volunteer
from foundation import blobs
from foundation.models import User
from tests.training import photos_kit as kit
from tests.training.nights_kit import NIGHT
from tests.training.test_snapshots import a_shift
from training.domain import erasures, nights, splits, stages
from training.domain.manifests import read_lines
from training.enums import RunState, Side, StageName
from training.models import Run, SplitSide, Stage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


@pytest.fixture
def project() -> Project:
    made = kit.make_project()
    kit.accept_plenty(made)
    return made


def freeze_night(project: Project, work: Path) -> Run:
    """A published night with its real snapshot, moved back so that the next is free; its other stages need no child."""
    earlier = Run.objects.filter(project=project).count()
    with a_shift(project, work / f"night-{earlier}") as shift:
        nights._finish_snapshot(shift)
    night = NIGHT - dt.timedelta(days=100 - earlier)
    Run.objects.filter(pk=shift.run.pk).update(state=RunState.PUBLISHED, night=night)
    return Run.objects.get(pk=shift.run.pk)


def names_of(project: Project, run: Run, side: Side) -> list[Photo]:
    """The photos a run had on that side."""
    lines = read_lines(Stage.objects.get(run=run, name=StageName.SNAPSHOT))
    wanted = {line["photo"] for line in lines if line["side"] == side}
    every = Photo.objects.filter(project=project).order_by("pk")
    return [one for one in every if splits.pseudonym(project.split_secret, "photo", one.pk) in wanted]


def erase(photo: Photo) -> None:
    photos.mark_deleted(Photo.objects.filter(pk=photo.pk), DeletionCause.OWNER)


def seen(run: Run) -> tuple[int, bool]:
    run.refresh_from_db()
    return run.photos_erased, run.last_erased_at is not None


def test_run_counts_the_training_photos_that_were_erased_since(project: Project, tmp_path: Path) -> None:
    run = freeze_night(project, tmp_path)
    first, second, *_ = names_of(project, run, Side.TRAIN)
    erasures.mark_all()
    assert seen(run) == (0, False)
    erase(first)
    erase(second)
    moment = timezone.now() + dt.timedelta(days=1)
    Photo.objects.filter(pk=second.pk).update(deleted_at=moment)
    erasures.mark_all()
    assert seen(run) == (2, True)
    assert run.last_erased_at == moment


def test_golden_photos_taught_nothing(project: Project, tmp_path: Path) -> None:
    run = freeze_night(project, tmp_path)
    erase(names_of(project, run, Side.GOLDEN)[0])
    erasures.mark_all()
    assert seen(run) == (0, False)


def test_marking_again_changes_nothing_and_reads_nothing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = freeze_night(project, tmp_path)
    erase(names_of(project, run, Side.TRAIN)[0])
    assert erasures.mark_all() == 1
    assert erasures.mark_all() == 0
    assert seen(run) == (1, True)
    Run.objects.update(erasures_seen=0)  # a pass that was killed before it wrote
    assert erasures.mark_all() == 1
    assert seen(run) == (1, True)


def test_later_run_without_the_photo_is_not_marked(project: Project, tmp_path: Path) -> None:
    first = freeze_night(project, tmp_path)
    erase(names_of(project, first, Side.TRAIN)[0])
    second = freeze_night(project, tmp_path)
    erasures.mark_all()
    assert (seen(first)[0], seen(second)[0]) == (1, 0)


def test_marking_survives_a_lost_manifest(project: Project, tmp_path: Path) -> None:
    run = freeze_night(project, tmp_path)
    erase(names_of(project, run, Side.TRAIN)[0])
    files = Stage.objects.get(run=run, name=StageName.SNAPSHOT).files
    blobs.delete(stages.blob_key(files["manifest.jsonl"]))
    erasures.mark_all()
    assert seen(run) == (0, False)


@pytest.mark.parametrize(("count", "said"), [(1, b"1 photo that was erased"), (2, b"2 photos that were erased")])
def test_page_of_the_run_says_so(client: Client, project: Project, tmp_path: Path, count: int, said: bytes) -> None:
    run = freeze_night(project, tmp_path)
    for photo in names_of(project, run, Side.TRAIN)[:count]:
        erase(photo)
    erasures.mark_all()
    client.force_login(User.objects.create_superuser("root@example.org"))
    assert said in client.get(f"/runs/notes/{run.night}/").content


def test_night_that_starts_over_forgets_pictures_and_features(project: Project, tmp_path: Path) -> None:
    with a_shift(project, tmp_path / "work") as shift:
        for name in ("photos", "features", "embed"):
            (shift.work / name).mkdir()
            (shift.work / name / "left").write_bytes(b"pixels of somebody who left")
        nights._start_over(shift)
        assert list(shift.work.iterdir()) == []


# --- guests who turned out to be somebody --------------------------------------------------------------------------
def put_on(project: Project, volunteer: Volunteer, side: Side) -> None:
    name = splits.pseudonym(project.split_secret, "volunteer", volunteer.pk)
    SplitSide.objects.update_or_create(project=project, group=f"v:{name}", defaults={"side": side})


def merge(guest: Volunteer, into: Volunteer) -> None:
    device, _ = devices.add_device(guest)
    user = User.objects.create_user("anna@example.org")
    Volunteer.objects.filter(pk=into.pk).update(user=user)
    joining.join_account(device, user)


def sides_after(project: Project, work: Path) -> dict[Any, str]:
    """The side of every photo of the next snapshot, by id."""
    run = freeze_night(project, work)
    return {photo.pk: side for side in Side for photo in names_of(project, run, side)}


@pytest.mark.parametrize("guests", list(Side))
def test_person_who_trained_under_one_name_trains_from_now_on_and_leaves_golden(
    project: Project, tmp_path: Path, guests: Side
) -> None:
    guest, person = kit.make_volunteers(2)
    theirs = {}
    for who, side in ((guest, guests), (person, Side.GOLDEN if guests == Side.TRAIN else Side.TRAIN)):
        put_on(project, who, side)
        theirs[side] = {photo.pk for label in ("five", "ten") for photo in kit.accept(project, who, label, 2)}
    freeze_night(project, tmp_path)
    merge(guest, person)
    (fresh,) = kit.accept(project, person, "five")
    for _ in range(2):  # for ever, not only on the first night after
        sides = sides_after(project, tmp_path)
        assert {sides[photo] for photo in theirs[Side.TRAIN]} == {Side.TRAIN}
        assert sides[fresh.pk] == Side.TRAIN
        assert not theirs[Side.GOLDEN] & set(sides)  # they have judged, so they never train


def test_merged_guest_gives_its_side_to_somebody_who_has_none(project: Project, tmp_path: Path) -> None:
    guest, person = kit.make_volunteers(2)
    put_on(project, guest, Side.GOLDEN)
    (old,) = kit.accept(project, guest, "five")
    merge(guest, person)
    assert sides_after(project, tmp_path)[old.pk] == Side.GOLDEN


def test_erased_photo_is_in_no_later_snapshot(project: Project, tmp_path: Path) -> None:
    run = freeze_night(project, tmp_path)
    gone = names_of(project, run, Side.TRAIN)[0]
    asked.ask_erasure(Person(volunteer=gone.volunteer))
    assert gone.pk not in sides_after(project, tmp_path)

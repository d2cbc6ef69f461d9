"""Photos behind the pseudonyms of a real snapshot, for those who look at its mistakes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.domain import photos
from collector.enums import DeletionCause
from collector.models import Photo, Project
from tests.training import photos_kit as kit
from tests.training.test_erasures import freeze_night
from training.domain import sightings
from training.domain.answers import Mistake
from training.domain.manifests import read_lines
from training.enums import Side, StageName
from training.models import Run, Stage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


def mistakes_of(run: Run) -> list[tuple[Mistake, str]]:
    """Every golden photo of a run as if it had been named wrongly, and the sha256 of its pixels."""
    lines = read_lines(Stage.objects.get(run=run, name=StageName.SNAPSHOT))
    golden = [line for line in lines if line["side"] == Side.GOLDEN]
    return [(Mistake(line["photo"], line["volunteer"], line["label"], "?", 0.5), line["sha256"]) for line in golden]


def pixels_of(found: list[sightings.Sighting]) -> list[str]:
    """The sha256 of each found photo's pixels: says that it is the very photo."""
    by_id = dict(Photo.objects.values_list("pk", "normalised_sha256"))
    return [by_id[one.photo_id] for one in found]


def make_people(project: Project) -> None:
    kit.accept_plenty(project)


def make_one_unknown(project: Project) -> None:
    (nobody,) = kit.make_volunteers(1, is_known=False)
    for label in ("five", "ten"):
        kit.accept(project, nobody, label, 20)


@pytest.mark.parametrize(("make", "by_volunteer"), [(make_people, True), (make_one_unknown, False)])
def test_photos_of_a_snapshot_are_found_by_their_pseudonyms(
    tmp_path: Path, make: Callable[[Project], None], *, by_volunteer: bool
) -> None:
    project = kit.make_project()
    make(project)
    mistakes, pixels = zip(*mistakes_of(freeze_night(project, tmp_path)), strict=True)
    found = sightings.find_photos(project, mistakes, most=99, by_volunteer=by_volunteer)
    assert pixels_of(found) == list(pixels)
    assert [one.label_now for one in found] == [mistake.truth for mistake in mistakes]


def test_photos_that_are_gone_make_room_for_others(tmp_path: Path) -> None:
    project = kit.make_project()
    make_people(project)
    mistakes, _ = zip(*mistakes_of(freeze_night(project, tmp_path)), strict=True)
    first, second = sightings.find_photos(project, mistakes, most=2)
    photos.mark_erased([first.photo_id], DeletionCause.OWNER)
    found = sightings.find_photos(project, mistakes, most=2)
    assert [one.mistake for one in found] == [second.mistake, mistakes[2]]


def test_no_mistake_asks_nothing(django_assert_num_queries: Any) -> None:
    project = kit.make_project()
    with django_assert_num_queries(0):
        assert sightings.find_photos(project, [], most=12) == []

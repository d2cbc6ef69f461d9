"""A real night during which somebody leaves: what it publishes has learned nothing from them."""

from datetime import timedelta
from pathlib import Path

import pytest

from collector.domain import erasures as leaving
from collector.domain import photos
from collector.domain.people import Person
from collector.models import Photo, Project
from tests.training import nights_kit as kit
from training.domain import erasures, features, nights, splits
from training.domain.manifests import read_lines
from training.domain.shifts import Told
from training.enums import RunState, StageName
from training.models import FeaturePack

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("committed")]


def known_to(project: Project) -> set[bytes]:
    """Every photo in a pack that is stored."""
    keys = FeaturePack.objects.filter(project=project).values_list("key", flat=True)
    return {digest for key in keys for digest in features.known(project, key)}


def test_photos_erased_during_the_night_are_in_neither_manifest_nor_features(tmp_path: Path, weights: Path) -> None:
    project = kit.make_project("leaving", weights)
    kit.add_photos(project, tmp_path, labels=("red", "green", "blue"))
    theirs = photos.accepted_photos(project).filter(pinned_split="train").first()
    assert theirs is not None
    mine = list(Photo.objects.filter(volunteer=theirs.volunteer))
    gone = {splits.pseudonym(project.split_secret, "photo", photo.pk) for photo in mine}
    digests = {bytes.fromhex(photo.normalised_sha256) for photo in mine}
    left: list[Told] = []

    def leave(told: Told) -> None:
        if told.stage == StageName.FIT and not left:  # embedded already, with them
            left.append(told)
            leaving.ask_erasure(Person(volunteer=theirs.volunteer))

    run = nights.run_night(nights.find_or_add_run(project, kit.NIGHT + timedelta(days=30)).pk, listen=leave)
    assert run is not None
    assert (run.state, bool(left)) == (RunState.PUBLISHED, True), run.why
    lines = list(read_lines(run.stages.get(name=StageName.SNAPSHOT)))
    assert not gone & {line["photo"] for line in lines}
    assert known_to(project) & digests  # they were looked at before they left
    erasures.mark_all()
    features.tidy(project.pk)
    assert not known_to(project) & digests
    assert known_to(project) >= {bytes.fromhex(line["sha256"]) for line in lines if line["side"] == "train"}
    run.refresh_from_db()
    assert run.photos_erased == 0

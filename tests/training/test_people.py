"""What a night tells the collector of people and labels, and whom it measures first."""

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.domain import challenges, conditions, contributions, projects, results
from collector.domain.contributions import Measured
from collector.models import Contribution, Photo, Project, Result, Suspicion, Volunteer
from foundation import blobs, jobs
from tests.training import photos_kit as kit
from tests.training.nights_kit import NIGHT
from tests.training.test_snapshots import a_shift
from training.domain import handover, nights, people, stages
from training.domain.shifts import Shift
from training.domain.splits import pseudonym
from training.enums import StageName
from training.models import Stage

NONE: list[dict[str, Any]] = []
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


@pytest.fixture
def project() -> Project:
    return kit.make_project()


@pytest.fixture
def shift(project: Project, tmp_path: Path) -> Iterator[Shift]:
    """A claimed night with its real snapshot."""
    kit.accept_plenty(project)
    with a_shift(project, tmp_path / "night") as made:
        nights._finish_snapshot(made)
        yield made


def name_of(project: Project, who: Volunteer | Photo) -> str:
    kind = "photo" if isinstance(who, Photo) else "volunteer"
    return pseudonym(project.split_secret, kind, who.pk)


def judge(
    shift: Shift, measured: list[dict[str, Any]], answers: list[dict[str, Any]], suspected: list[dict[str, Any]] = NONE
) -> None:
    """The stages fit and evaluate, as if children had finished them."""
    people = json.dumps({"note": "", "volunteers": measured})
    finish(shift, StageName.FIT, {"suspicions.jsonl": as_lines(suspected)})
    finish(shift, StageName.EVALUATE, {"contributions.json": people, "predictions.jsonl": as_lines(answers)})


def finish(shift: Shift, name: StageName, files: dict[str, str]) -> None:
    row = Stage(run=shift.run, name=name, input_digest="0" * 64, result={})
    for file, text in files.items():
        row.files[file] = hashlib.sha256(text.encode()).hexdigest()
        blobs.write_once(stages.blob_key(row.files[file]), text.encode())
    stages.write_row(shift, row)


def as_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def figures(project: Project, who: Volunteer, **fields: Any) -> dict[str, Any]:
    return {
        "volunteer": name_of(project, who),
        "photos": 6,
        "fixed": 4,
        "broken": 1,
        "low": 1,
        "high": 6,
        "labels": {"five": 3},
        **fields,
    }


def answer(project: Project, photo: Photo, given: str) -> dict[str, Any]:
    label = photo.label.slug if photo.label else ""
    return {
        "photo": name_of(project, photo), "volunteer": name_of(project, photo.volunteer), "label": label,
        "answer": given, "probability": 0.9,
    }  # fmt: skip


def suspicion(project: Project, photo: Photo, likely: str = "ten") -> dict[str, Any]:
    named = answer(project, photo, likely)
    return {**{name: named[name] for name in ("photo", "volunteer", "label")}, "likely": likely, "margin": 0.8}


def in_order(shift: Shift) -> list[Volunteer]:
    names = people.people_of(shift.run.project)
    return [Volunteer.objects.get(pk=names[name]) for name in people.order_volunteers(shift)]


# --- handing over --------------------------------------------------------------------------------------------------
def test_contributions_are_handed_over_under_their_volunteers(project: Project, shift: Shift) -> None:
    anna, bob = Volunteer.objects.order_by("pk")[:2]
    judge(shift, [figures(project, anna), figures(project, bob, fixed=0)], [])
    handover.hand_over(shift)
    rows = {row.volunteer: (row.night, row.photos, row.fixed, row.labels) for row in Contribution.objects.all()}
    assert rows == {anna: (NIGHT, 6, 4, {"five": 3}), bob: (NIGHT, 6, 0, {"five": 3})}


def test_handing_over_again_after_a_kill_changes_nothing(project: Project, shift: Shift) -> None:
    photo = Photo.objects.order_by("pk").first()
    assert photo
    judge(shift, [figures(project, photo.volunteer)], [answer(project, photo, "ten")])
    for _ in range(2):
        handover.hand_over(shift)
    assert (Contribution.objects.count(), Result.objects.count()) == (1, 1)


def test_contribution_of_a_guest_goes_to_whom_they_turned_out_to_be(project: Project, shift: Shift) -> None:
    guest, into = Volunteer.objects.order_by("pk")[:2]
    judge(shift, [figures(project, guest)], [])
    Volunteer.objects.filter(pk=guest.pk).update(merged_into=into)
    Photo.objects.filter(volunteer=guest).update(volunteer=into)
    handover.hand_over(shift)
    assert Contribution.objects.get().volunteer == into


def test_pseudonym_that_is_nobodys_is_passed_over(project: Project, shift: Shift) -> None:
    judge(shift, [{**figures(project, Volunteer()), "volunteer": "f" * 32}], [])
    handover.hand_over(shift)
    assert not Contribution.objects.exists()


def test_night_begun_under_a_version_that_measured_nothing_hands_over_its_results(
    project: Project, shift: Shift
) -> None:
    photo = Photo.objects.all()[0]
    finish(shift, StageName.FIT, {"model.json": "{}"})
    finish(shift, StageName.EVALUATE, {"predictions.jsonl": as_lines([answer(project, photo, "ten")])})
    handover.hand_over(shift)
    assert (Contribution.objects.count(), Result.objects.count()) == (0, 1)


def test_night_that_lost_its_lease_hands_nothing_over(project: Project, shift: Shift) -> None:
    anna = Volunteer.objects.all()[0]
    judge(shift, [figures(project, anna)], [])
    lost = Shift(shift.run, dataclasses.replace(shift.lease, fencing=shift.lease.fencing - 1), shift.work)
    with pytest.raises(jobs.LeaseLost):
        handover.hand_over(lost)
    assert not Contribution.objects.exists()


def test_results_count_golden_photos_by_label_and_confirmed_condition(project: Project, shift: Shift) -> None:
    dim, held = conditions.get_conditions(project, ["dim", "held"])
    challenge = challenges.set_challenge(project, NIGHT, text="A note in dim light, held", conditions=[dim, held])
    five = list(Photo.objects.filter(label__slug="five").order_by("pk")[:4])
    Photo.objects.filter(pk__in=[photo.pk for photo in five[:3]]).update(challenge=challenge, condition_holds=True)
    Photo.objects.filter(pk=five[3].pk).update(challenge=challenge, condition_holds=False)
    lines = [answer(project, photo, given) for photo, given in zip(five, ["five", "ten", "five", "five"], strict=True)]
    judge(shift, [], lines)
    handover.hand_over(shift)
    found = [
        (row.label.slug, row.condition and row.condition.slug, row.correct, row.photos)
        for row in results.of_night(project, NIGHT)
    ]
    assert found == [("five", None, 3, 4), ("five", "dim", 2, 3), ("five", "held", 2, 3)]
    row = results.of_night(project, NIGHT)[1]
    assert (round(row.low, 3), round(row.high, 3)) == (0.208, 0.939)  # Wilson's


def test_suspicious_labels_are_handed_over_unless_somebody_has_relabelled_them(project: Project, shift: Shift) -> None:
    stays, changed = Photo.objects.filter(label__slug="five").order_by("pk")[:2]
    judge(shift, [], [], [suspicion(project, stays), suspicion(project, changed)])
    Photo.objects.filter(pk=changed.pk).update(label=projects.get_label(project, "ten"))
    for _ in range(2):
        handover.hand_over(shift)
    found = Suspicion.objects.get()
    assert (found.photo, found.likely.slug, found.margin, found.night) == (stays, "ten", 0.8, NIGHT)


@pytest.mark.parametrize("count", [1, 10])
def test_handing_over_asks_the_same_queries_however_many_there_are(
    project: Project, shift: Shift, count: int, django_assert_num_queries: Any
) -> None:
    measured = [figures(project, who) for who in Volunteer.objects.all()[:count]]
    some = list(Photo.objects.select_related("label", "volunteer")[:count])
    judge(shift, measured, [answer(project, photo, "ten") for photo in some], [suspicion(project, one) for one in some])
    # stages, project, guests, photographers, labels, challenges, photos; behind suspicions volunteers, guests, photos,
    # labels; lease; contributions: volunteers, delete, add; results: project, delete, add; suspicions: photos, delete,
    # add, count; and six savepoints
    with django_assert_num_queries(28):
        handover.hand_over(shift)


# --- whose turn it is ----------------------------------------------------------------------------------------------
def test_whoever_gave_photos_since_comes_first_then_whose_turn_is_longest_ago(project: Project, shift: Shift) -> None:
    fresh, old, older = in_order(shift)[:3]
    for who, ago, photos in ((fresh, 1, 5), (old, 2, 6), (older, 3, 6)):
        contributions.record(project, NIGHT - dt.timedelta(days=ago), [Measured(who.pk, photos, 1, 0, 0, 1)])
    assert in_order(shift)[-2:] == [older, old]
    assert fresh in in_order(shift)[:-2]


def test_volunteers_with_few_photos_have_no_turn(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project)
    (shy,) = kit.make_volunteers(1)
    kit.accept(project, shy, "five", contributions.LEAST_PHOTOS - 1, pinned_split="train")
    with a_shift(project, tmp_path / "night") as shift:
        nights._finish_snapshot(shift)
        assert shy not in in_order(shift)
        assert len(in_order(shift)) >= 5  # at least half of them teach


def test_bursts_of_unknown_people_have_no_turn(project: Project, tmp_path: Path) -> None:
    for who in kit.make_volunteers(3, is_known=False):
        for label in ("five", "ten"):
            kit.accept(project, who, label, 20)
    with a_shift(project, tmp_path / "night") as shift:
        nights._finish_snapshot(shift)
        assert people.order_volunteers(shift) == []

"""A quarter of those who judge retires each quarter of the year, and whoever has taught never judges."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from collector.enums import PhotoState
from collector.models import Project, Volunteer
from foundation import jobs
from tests.training import photos_kit as kit
from training.domain import retirements, snapshots
from training.domain.folders import KIND
from training.domain.retirements import RetiredMeanwhileError, Retirement
from training.domain.shifts import Shift
from training.domain.splits import pseudonym
from training.enums import Side
from training.ml import contract
from training.models import Run, SplitSide

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
SPRING, NIGHT, LATER, WINTER = date(2026, 5, 1), date(2026, 11, 21), date(2026, 12, 20), date(2027, 1, 2)


@pytest.fixture
def project() -> Project:
    return kit.make_project(min_golden_per_label=4)


def name_of(project: Project, volunteer: Volunteer) -> str:
    return f"v:{pseudonym(project.split_secret, 'volunteer', volunteer.pk)}"


def place(project: Project, side: Side, count: int, since: date = SPRING, each: int = 1) -> list[Volunteer]:
    """So many volunteers who have been on this side since then, with photos of both labels."""
    people = kit.make_volunteers(count)
    for person in people:
        for label in ("five", "ten"):
            kit.accept(project, person, label, each)
    rows = [SplitSide(project=project, group=name_of(project, person), side=side) for person in people]
    for row in SplitSide.objects.bulk_create(rows):
        SplitSide.objects.filter(pk=row.pk).update(created_at=datetime(since.year, since.month, since.day, tzinfo=UTC))
    return people


def freeze(project: Project, folder: Path, night: date = NIGHT) -> tuple[snapshots.Frozen, dict[str, str]]:
    """The snapshot of that night, and the side of each volunteer in it."""
    run, _ = Run.objects.get_or_create(project=project, night=night)
    jobs.requeue(KIND, str(run.pk))
    lease = jobs.claim(KIND, str(run.pk))
    assert lease
    work = folder / f"{night}-{lease.fencing}"
    work.mkdir(parents=True)
    frozen = snapshots.freeze(Shift(run, lease, work))
    jobs.give_back(lease)
    lines = contract.read_manifest(work / "snapshot" / "manifest.jsonl")
    return frozen, {f"v:{line.volunteer}": line.side for line in lines}


def golden(sides: dict[str, str]) -> set[str]:
    return {name for name, side in sides.items() if side == Side.GOLDEN}


def test_a_quarter_of_the_golden_volunteers_teaches_from_the_new_quarter_on(project: Project, tmp_path: Path) -> None:
    judges = place(project, Side.GOLDEN, 12)
    place(project, Side.TRAIN, 20)
    frozen, sides = freeze(project, tmp_path)
    gone = {name_of(project, one) for one in judges} - golden(sides)
    assert len(gone) == 3
    assert {sides[name] for name in gone} == {Side.TRAIN}
    rows = SplitSide.objects.filter(project=project, retired_on=NIGHT)
    assert {(row.group, row.side) for row in rows} == {(name, Side.TRAIN) for name in gone}
    assert frozen.to_json()["retired"] == {
        "since": "2026-10-01", "golden": 12, "due": 3, "earlier": 0, "tonight": 3, "waiting": 0,
    }  # fmt: skip
    assert frozen.notices[-1].startswith("3 of 12 golden volunteers retired tonight")


def test_who_has_judged_longest_goes_first(project: Project, tmp_path: Path) -> None:
    place(project, Side.GOLDEN, 9)
    old = place(project, Side.GOLDEN, 3, since=SPRING - timedelta(days=1))
    place(project, Side.TRAIN, 20)
    _, sides = freeze(project, tmp_path)
    assert not {name_of(project, one) for one in old} & golden(sides)


def test_a_night_that_is_begun_again_retires_nobody_twice(project: Project, tmp_path: Path) -> None:
    place(project, Side.GOLDEN, 12)
    place(project, Side.TRAIN, 20)
    (first, sides), (again, still) = freeze(project, tmp_path), freeze(project, tmp_path)
    assert (first.to_json(), sides) == (again.to_json(), still)


def test_the_next_quarter_retires_a_quarter_of_those_left_and_the_nights_between_nobody(
    project: Project, tmp_path: Path
) -> None:
    place(project, Side.GOLDEN, 12)
    place(project, Side.TRAIN, 20)
    told = [freeze(project, tmp_path, night)[0] for night in (NIGHT, LATER, WINTER)]
    assert [one.retired.tonight for one in told] == [3, 0, 2]
    assert (told[1].notices, told[1].retired.earlier) == ((), 3)


def test_who_began_to_judge_in_this_quarter_stays(project: Project, tmp_path: Path) -> None:
    place(project, Side.GOLDEN, 12, since=date(2026, 10, 2))
    place(project, Side.TRAIN, 20)
    frozen, sides = freeze(project, tmp_path)
    assert (frozen.retired.golden, len(golden(sides))) == (0, 12)


def test_who_was_pinned_by_a_person_stays(project: Project, tmp_path: Path) -> None:
    for person in place(project, Side.GOLDEN, 8):
        person.photos.update(pinned_split="golden")
    place(project, Side.TRAIN, 20)
    frozen, sides = freeze(project, tmp_path)
    assert (frozen.retired.due, len(golden(sides))) == (0, 8)


def test_who_is_needed_for_a_label_waits_and_others_go_instead(project: Project, tmp_path: Path) -> None:
    place(project, Side.GOLDEN, 11)
    needed = place(project, Side.GOLDEN, 1, since=SPRING - timedelta(days=1))[0]
    place(project, Side.TRAIN, 20)
    kept = [photo.pk for photo in needed.photos.filter(label__slug="ten")]
    project.photos.filter(label__slug="ten", volunteer__in=_judges(project)).exclude(pk__in=kept).update(
        state=PhotoState.REJECTED
    )
    kit.accept(project, needed, "ten", 3)
    frozen, sides = freeze(project, tmp_path)
    assert name_of(project, needed) in golden(sides)
    assert (frozen.retired.tonight, frozen.retired.waiting) == (3, 0)


def test_five_volunteers_go_on_judging_and_the_rest_is_said_to_wait(project: Project, tmp_path: Path) -> None:
    place(project, Side.GOLDEN, 6, each=4)
    place(project, Side.TRAIN, 20, each=4)
    frozen, sides = freeze(project, tmp_path)
    assert (len(golden(sides)), frozen.retired.due, frozen.retired.waiting) == (5, 2, 1)
    assert frozen.notices[-1].startswith(
        "1 of 6 golden volunteers were to retire from 2026-10-01 on and wait for fresh"
    )


def test_fresh_volunteers_judge_in_the_place_of_those_who_retire(project: Project, tmp_path: Path) -> None:
    project.min_golden_per_label = 8
    project.save()
    place(project, Side.GOLDEN, 8)
    place(project, Side.TRAIN, 20)
    waiting, _ = freeze(project, tmp_path)
    assert (waiting.retired.tonight, waiting.retired.waiting) == (0, 2)
    for person in kit.make_volunteers(12):
        for label in ("five", "ten"):
            kit.accept(project, person, label)
    frozen, sides = freeze(project, tmp_path, LATER)
    assert (frozen.retired.tonight, frozen.retired.waiting) == (2, 0)
    assert len(golden(sides)) >= 8


def test_two_nights_at_once_retire_the_same_people_once(project: Project) -> None:
    people = place(project, Side.GOLDEN, 8)
    names = tuple(name_of(project, one) for one in people[:2])
    chosen = Retirement(date(2026, 10, 1), golden=8, due=2, earlier=0, tonight=2, names=names)
    retirements.retire(project, chosen, NIGHT)
    with pytest.raises(RetiredMeanwhileError):
        retirements.retire(project, chosen, LATER)


def test_over_two_years_nobody_judges_who_has_taught_and_no_label_loses_its_golden_photos(
    project: Project, tmp_path: Path
) -> None:
    taught: set[str] = set()
    everybody: set[str] = set()
    place(project, Side.GOLDEN, 8, since=date(2025, 12, 1))
    place(project, Side.TRAIN, 10, since=date(2025, 12, 1))
    for quarter in range(8):
        for person in kit.make_volunteers(5):
            for label in ("five", "ten"):
                kit.accept(project, person, label)
        night = date(2026 + quarter // 4, quarter % 4 * 3 + 2, 1)
        frozen, sides = freeze(project, tmp_path, night)
        SplitSide.objects.filter(created_at__gt=datetime(2026, 11, 1, tzinfo=UTC)).update(
            created_at=datetime(night.year, night.month, 1, tzinfo=UTC)
        )
        taught |= sides.keys() - golden(sides)
        everybody |= sides.keys()
        assert not taught & golden(sides)
        assert everybody == sides.keys()
        assert len(golden(sides)) >= 5
        assert all(label.golden >= 4 for label in frozen.snapshot.labels)
    assert SplitSide.objects.exclude(retired_on=None).count() >= 8


@pytest.mark.parametrize(
    ("night", "since", "until"),
    [
        (date(2026, 1, 1), date(2026, 1, 1), date(2026, 4, 1)),
        (date(2026, 9, 30), date(2026, 7, 1), date(2026, 10, 1)),
        (date(2026, 12, 31), date(2026, 10, 1), date(2027, 1, 1)),
        (date(2028, 2, 29), date(2028, 1, 1), date(2028, 4, 1)),
    ],
)
def test_quarters_are_those_of_the_calendar(night: date, since: date, until: date) -> None:
    assert retirements.quarter_of(night) == (since, until)


def _judges(project: Project) -> list[Volunteer]:
    names = set(SplitSide.objects.filter(project=project, side=Side.GOLDEN).values_list("group", flat=True))
    return [one for one in Volunteer.objects.all() if name_of(project, one) in names]

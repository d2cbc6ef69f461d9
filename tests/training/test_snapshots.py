"""What a night freezes: reproducible to the byte, stable for ever, and refused in words where there is too little."""

import contextlib
import hashlib
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.domain import photos, projects
from collector.enums import LabelState, PhotoState, ReviewAction
from collector.models import Label, Photo, Project, Review
from foundation import blobs, jobs
from tests.training import photos_kit as kit
from tests.training.nights_kit import NIGHT
from training.domain import materials, nights, queries, reports, snapshots
from training.domain.folders import KIND
from training.domain.shifts import NightFailedError, Shift
from training.enums import RunState, Side
from training.ml import contract
from training.models import Run, SplitSide, Stage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


@pytest.fixture
def project() -> Project:
    return kit.make_project()


@contextlib.contextmanager
def a_shift(project: Project, work: Path) -> Iterator[Shift]:
    """A claimed run; the lease ends with the block."""
    run, _ = Run.objects.get_or_create(project=project, night=NIGHT)
    jobs.requeue(KIND, str(run.pk))
    lease = jobs.claim(KIND, str(run.pk))
    assert lease
    work.mkdir(parents=True)
    yield Shift(run, lease, work)
    jobs.give_back(lease)


def freeze(project: Project, work: Path, known: tuple[str, ...] = ()) -> snapshots.Frozen:
    with a_shift(project, work) as shift:
        return snapshots.freeze(shift, known)


def read(work: Path) -> list[contract.ManifestPhoto]:
    return contract.read_manifest(work / "snapshot" / "manifest.jsonl")


def test_the_same_photos_give_the_same_bytes(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project)
    first, second = freeze(project, tmp_path / "a"), freeze(project, tmp_path / "b")
    for name in ("manifest.jsonl", "snapshot.json"):
        assert (tmp_path / "a/snapshot" / name).read_bytes() == (tmp_path / "b/snapshot" / name).read_bytes()
    manifest = (tmp_path / "a/snapshot/manifest.jsonl").read_bytes()
    assert first.snapshot.digest == hashlib.sha256(manifest).hexdigest()
    SplitSide.objects.all().delete()
    assert freeze(project, tmp_path / "c") == first == second  # the sides follow from secret and volunteers alone


def test_counts_are_those_of_the_manifest(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project)
    snapshot = freeze(project, tmp_path / "a").snapshot
    lines = read(tmp_path / "a")
    assert (snapshot.photos, snapshot.volunteers, snapshot.optimistic) == (60, 10, False)
    assert snapshot.golden == sum(line.side == "golden" for line in lines) >= 8
    assert [label.slug for label in snapshot.labels] == ["five", "ten"]
    assert sum(label.train for label in snapshot.labels) == snapshot.train


def test_a_manifest_names_nobody(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project)
    freeze(project, tmp_path / "a")
    text = (tmp_path / "a/snapshot/manifest.jsonl").read_text()
    rows = Photo.objects.values_list("id", "volunteer_id")
    assert not [name for row in rows for name in map(str, row) if name in text or uuid.UUID(name).hex in text]


def test_two_projects_have_different_pseudonyms_for_one_volunteer(tmp_path: Path) -> None:
    found = []
    for slug in ("one", "two"):
        project = kit.make_project(slug)
        kit.accept_plenty(project)
        freeze(project, tmp_path / slug)
        found.append({line.volunteer for line in read(tmp_path / slug)})
    assert not found[0] & found[1]


def test_sides_are_stored_and_new_photos_follow_their_volunteer(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project)
    freeze(project, tmp_path / "a")
    before = dict(SplitSide.objects.values_list("group", "side"))
    assert len(before) == 10
    golden = {line.photo for line in read(tmp_path / "a") if line.side == Side.GOLDEN}
    for photo in list(Photo.objects.all()):
        kit.accept(project, photo.volunteer, "ten")
    kit.accept_plenty(project, volunteers=20)
    freeze(project, tmp_path / "b")
    after = dict(SplitSide.objects.values_list("group", "side"))
    assert before.items() <= after.items()
    assert golden <= {line.photo for line in read(tmp_path / "b") if line.side == Side.GOLDEN}


def test_a_collecting_label_is_not_taught(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project)
    label = projects.add_label(project, "twenty", name="Twenty", state=LabelState.COLLECTING)
    kit.accept_plenty(project, ("twenty",))
    assert [label.slug for label in freeze(project, tmp_path / "a").snapshot.labels] == ["five", "ten"]
    projects.start_teaching(label)
    assert [label.slug for label in freeze(project, tmp_path / "b").snapshot.labels] == ["five", "ten", "twenty"]


def test_a_label_with_too_few_photos_is_left_out_in_words(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project)
    projects.add_label(project, "twenty", name="Twenty")
    kit.accept(project, kit.make_volunteers(1)[0], "twenty", 7)
    frozen = freeze(project, tmp_path / "a")
    assert frozen.notices == (
        (
            "The label twenty has 7 photos to learn from and 0 golden ones to be judged on; needed are 10 and 1, "
            "so it is not taught tonight."
        ),
    )
    assert "twenty" not in {line.label for line in read(tmp_path / "a")}


def test_a_label_phones_know_is_never_dropped_in_silence(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project)
    projects.add_label(project, "twenty", name="Twenty")
    kit.accept(project, kit.make_volunteers(1)[0], "twenty", 7)
    with pytest.raises(NightFailedError, match="Phones know this label, so it cannot be left out"):
        freeze(project, tmp_path / "a", known=("five", "twenty"))


def test_a_label_that_was_retired_or_renamed_since_the_last_night_is_said_or_kept(
    project: Project, tmp_path: Path
) -> None:
    kit.accept_plenty(project, ("five", "ten"))
    twenty = projects.add_label(project, "twenty", name="Twenty")
    kit.accept_plenty(project, ("twenty",))
    Label.objects.filter(pk=twenty.pk).update(state=LabelState.RETIRED)
    Label.objects.filter(project=project, slug="ten").update(name="Tenner")
    frozen = freeze(project, tmp_path / "a", known=("five", "ten", "twenty"))
    assert [(label.slug, label.name) for label in frozen.snapshot.labels] == [("five", "Five"), ("ten", "Tenner")]
    assert frozen.notices == (
        "Phones know the label twenty, which is not live any more: tonight's model does not answer it.",
    )


def test_labels_with_a_few_photos_are_taught_where_none_has_plenty(project: Project, tmp_path: Path) -> None:
    for number, volunteer in enumerate(kit.make_volunteers(6)):
        for label in ("five", "ten"):
            kit.accept(project, volunteer, label, pinned_split="golden" if number < 2 else "train")
    frozen = freeze(project, tmp_path / "a")
    assert [(label.slug, label.train, label.golden) for label in frozen.snapshot.labels] == [
        ("five", 4, 2),
        ("ten", 4, 2),
    ]
    assert frozen.notices[0].startswith("Few photos to learn from: five 4, ten 4. With fewer than 10 of a label")


def test_a_label_phones_know_is_taught_with_few_photos_beside_others_with_plenty(
    project: Project, tmp_path: Path
) -> None:
    kit.accept_plenty(project)
    projects.add_label(project, "twenty", name="Twenty")
    for volunteer in kit.make_volunteers(4):
        kit.accept(project, volunteer, "twenty", pinned_split="train")
    kit.accept(project, kit.make_volunteers(1)[0], "twenty", pinned_split="golden")
    assert len(freeze(project, tmp_path / "a").snapshot.labels) == 2
    assert len(freeze(project, tmp_path / "b", known=("five", "ten", "twenty")).snapshot.labels) == 3


def test_copies_across_the_sides_are_left_out_of_train_and_counted(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project)
    freeze(project, tmp_path / "a")
    golden = {line.sha256 for line in read(tmp_path / "a") if line.side == Side.GOLDEN}
    original = Photo.objects.filter(normalised_sha256__in=golden).first()
    trainer = Photo.objects.exclude(normalised_sha256__in=golden).first()
    assert original
    assert trainer
    look = f"{int(original.look_hash, 16) ^ 0b111:064x}"
    kit.accept(project, trainer.volunteer, "five", look_hash=look)
    frozen = freeze(project, tmp_path / "b")
    assert frozen.left_out == {"near-duplicate of a golden photo": 1}
    assert frozen.notices == ("1 photo(s) left out: near-duplicate of a golden photo.",)
    assert frozen.snapshot.photos == 60


def test_fewer_than_five_volunteers_are_said_to_be_optimistic(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project, volunteers=2, each=30)
    snapshot = freeze(project, tmp_path / "a").snapshot
    assert (snapshot.optimistic, snapshot.note) == (True, "optimistic: same photographer on both sides")
    assert snapshot.golden >= 8


def test_unknown_volunteers_are_counted_as_none(project: Project, tmp_path: Path) -> None:
    importer = kit.make_volunteers(1, is_known=False)[0]
    for label in ("five", "ten"):
        kit.accept(project, importer, label, 40)
    snapshot = freeze(project, tmp_path / "a").snapshot
    assert (snapshot.volunteers, snapshot.optimistic) == (0, True)


def test_pinned_photos_go_where_the_import_says(project: Project, tmp_path: Path) -> None:
    for number, volunteer in enumerate(kit.make_volunteers(8)):
        for label in ("five", "ten"):
            kit.accept(project, volunteer, label, 4, pinned_split="golden" if number < 3 else "train")
    snapshot = freeze(project, tmp_path / "a").snapshot
    assert (snapshot.golden, snapshot.train) == (24, 40)


def test_photos_whose_pixels_no_reviewer_judged_are_left_out(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project)
    again, undone = Photo.objects.all()[:2]
    Photo.objects.filter(pk=again.pk).update(normalised_sha256="a" * 64)  # normalised anew since it was accepted
    review = undone.reviews.get()
    Review.objects.create(
        photo=undone, reviewer=review.reviewer, action=ReviewAction.UNDO, undoes=review, normalised_sha256="b" * 64
    )
    frozen = freeze(project, tmp_path / "a")
    assert frozen.left_out == {"its pixels are not those that a reviewer accepted": 2}
    assert len(read(tmp_path / "a")) == frozen.snapshot.photos == 58
    kit.judge(Photo.objects.get(pk=again.pk))
    assert freeze(project, tmp_path / "b").snapshot.photos == 59


def test_pixels_that_changed_since_the_snapshot_make_it_stale(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project, is_stored=True)
    with a_shift(project, tmp_path / "work") as shift:
        snapshots.freeze(shift)
        Photo.objects.filter(pk=Photo.objects.first().pk).update(normalised_sha256="a" * 64)
        with pytest.raises(materials.SnapshotStaleError, match="1 of 60 photos"):
            materials.materialise(shift, set())


# --- one account's share -------------------------------------------------------------------------------------------
def shares_of(work: Path) -> dict[str, float]:
    """Each account's share of the weight that teaches."""
    train = [line for line in read(work) if line.side == Side.TRAIN]
    weights: dict[str, float] = defaultdict(float)
    for line in train:
        weights[line.volunteer] += line.weight
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


def test_an_account_that_took_most_photos_counts_twice_an_equal_share_at_most(project: Project, tmp_path: Path) -> None:
    for number, volunteer in enumerate(kit.make_volunteers(12)):
        side = "golden" if number < 4 else "train"
        for label in ("five", "ten"):
            kit.accept(project, volunteer, label, 60 if number == 11 else 3, pinned_split=side)
    frozen = freeze(project, tmp_path / "a")
    shares = sorted(shares_of(tmp_path / "a").values())
    assert shares[-1] == pytest.approx(2 / 8, abs=1e-4)
    assert shares[-2] == pytest.approx(0.75 / 7, abs=1e-4)
    assert {line.weight for line in read(tmp_path / "a") if line.side == Side.GOLDEN} == {1.0}
    (said,) = frozen.notices
    assert said.startswith("1 volunteer(s) took a large part of the 162 photos to learn from: theirs count less each")
    assert "(down to 0.12), so that no account decides" in said


def test_with_fewer_than_ten_volunteers_everybody_counts_in_full(project: Project, tmp_path: Path) -> None:
    for number, volunteer in enumerate(kit.make_volunteers(9)):
        for label in ("five", "ten"):
            kit.accept(project, volunteer, label, 60 if number == 8 else 3, pinned_split="golden" if number < 3 else "")
    freeze(project, tmp_path / "a")
    assert {line.weight for line in read(tmp_path / "a")} == {1.0}


# --- the bytes -----------------------------------------------------------------------------------------------------
def test_photos_asked_for_are_hard_links_into_the_storage_and_no_others_come(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project, is_stored=True)
    wanted = sorted(Photo.objects.values_list("normalised_sha256", flat=True))[::2]
    with a_shift(project, tmp_path / "work") as shift:
        snapshots.freeze(shift)
        materials.materialise(shift, wanted)
    files = sorted((tmp_path / "work/photos").iterdir())
    assert [file.stem for file in files] == wanted
    assert all(hashlib.sha256(file.read_bytes()).hexdigest() == file.stem for file in files)
    assert {file.stat().st_nlink for file in files} == {2}


def test_a_photo_erased_meanwhile_makes_the_snapshot_stale(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project, is_stored=True)
    with a_shift(project, tmp_path / "work") as shift:
        snapshots.freeze(shift)
        Photo.objects.filter(pk=Photo.objects.first().pk).update(state=PhotoState.DELETED)
        with pytest.raises(materials.SnapshotStaleError, match="1 of 60 photos"):
            materials.materialise(shift, set())


def test_a_missing_picture_is_said_with_what_to_do(project: Project, tmp_path: Path) -> None:
    kit.accept_plenty(project, is_stored=True)
    photo = Photo.objects.first()
    assert photo
    blobs.delete(photos.normalised_key(photo.pk))
    with a_shift(project, tmp_path / "work") as shift:
        snapshots.freeze(shift)
        with pytest.raises(NightFailedError, match=f"{photo.pk} is missing from the storage"):
            materials.materialise(shift, {photo.normalised_sha256})


# --- too little ----------------------------------------------------------------------------------------------------
def night_of(project: Project) -> Run:
    run = nights.run_night(nights.find_or_add_run(project, NIGHT).pk)
    assert run
    return run


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "There are no accepted photos of live labels (five 0, ten 0)."),
        ({"five": 1, "ten": 1}, "Too few labels have enough photos (accepted: five 1, ten 1)."),
        ({"five": 60}, "Too few labels have enough photos (accepted: five 60, ten 0)."),
    ],
)
def test_too_few_photos_end_the_night_in_words_and_leave_nothing(
    project: Project, tmp_path: Path, counts: dict[str, int], said: str
) -> None:
    volunteers = kit.make_volunteers(6)
    for label, count in counts.items():
        for number in range(count):
            kit.accept(project, volunteers[number % 6], label)
    run = night_of(project)
    assert run.state == RunState.FAILED
    assert said in run.why
    assert "Accept more photos in review, then start the night again." in run.why
    assert not Stage.objects.exists()
    assert not SplitSide.objects.exists()
    assert not list((tmp_path / "home/work").iterdir())
    assert queries.is_finished(run)
    assert reports.summary(run)["gate"] == {"decision": None, "why": run.why}


def test_a_single_label_ends_the_night_in_words(tmp_path: Path) -> None:
    project = kit.make_project(labels=("five",))
    kit.accept_plenty(project, ("five",))
    assert "There is a single live label (five 60)".replace("60", "30") in night_of(project).why


def test_a_failed_night_begins_again_when_asked(project: Project) -> None:
    run = night_of(project)
    kit.accept_plenty(project)
    again = nights.find_or_add_run(project, NIGHT)
    assert (again.pk, again.state, again.why) == (run.pk, RunState.QUEUED, "")

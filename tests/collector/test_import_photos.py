"""Bringing collections in: every shape of source, twice without doubling, and everything that can be wrong with one."""

import io
import json
import stat
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from collector.domain import imports, photos, projects, reviews, uploads
from collector.enums import PhotoState
from collector.models import Label, Photo, Project, Review, Volunteer
from foundation.models import Job, User
from tests.collector.conftest import draw, encode, jpeg, stored

pytestmark = pytest.mark.django_db(transaction=True)  # the import's threads must see what the test made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Four photos in a folder per label, and a few things that are none."""
    root = tmp_path / "photos"
    for label, seeds in {"five": (1, 2), "ten": (3, 4)}.items():
        (root / label).mkdir(parents=True)
        for seed in seeds:
            (root / label / f"{seed}.jpg").write_bytes(jpeg(seed))
    (root / "five" / "notes.txt").write_text("not a photo")
    (root / "five" / ".hidden.jpg").write_bytes(jpeg(9))
    (root / ".git").mkdir()
    (root / ".git" / "x.jpg").write_bytes(jpeg(9))
    return root


def zipped(root: Path, wrapped: str = "") -> Path:
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*.jpg")):
            archive.write(file, wrapped + str(file.relative_to(root)))
    return path


def listed(root: Path, *lines: str) -> Path:
    path = root / "manifest.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(source: Path, *options: str, slug: str = "notes") -> dict[str, Any]:
    out = io.StringIO()
    call_command("import_photos", str(source), "--project", slug, "--json", *options, stdout=out, stderr=io.StringIO())
    summary: dict[str, Any] = json.loads(out.getvalue())
    return summary


def refusal(source: Path, *options: str) -> str:
    with pytest.raises(CommandError) as refused:
        run(source, *options)
    return str(refused.value)


def nothing_stored() -> bool:
    return not (Photo.objects.exists() or Volunteer.objects.exists() or Job.objects.exists())


def by_label() -> dict[str, int]:
    return dict(Counter(slug or "" for slug in Photo.objects.values_list("label__slug", flat=True)))


# --- each kind of source -------------------------------------------------------------------------------------------
def test_folder_per_label(notes: Project, source: Path) -> None:
    summary = run(source)
    assert (summary["photos"], summary["new"], summary["accepted"], summary["unreadable"]) == (4, 4, 0, 0)
    assert summary["notes"] == ["2 files that are no photos were passed over"]
    assert by_label() == {"five": 2, "ten": 2}
    assert set(Photo.objects.values_list("state", flat=True)) == {PhotoState.AWAITING_REVIEW}
    volunteer = Volunteer.objects.get()
    assert (volunteer.is_known, volunteer.import_name) == (False, "")


@pytest.mark.parametrize("wrapped", ["", "my collection/of 2026/"])
def test_zip_of_such_folders(notes: Project, source: Path, wrapped: str) -> None:
    assert run(zipped(source, wrapped))["new"] == 4
    assert by_label() == {"five": 2, "ten": 2}


def test_csv_with_volunteers_and_splits(notes: Project, source: Path) -> None:
    rows = ["five/1.jpg,5 euro,anna,train,0", "five/2.jpg,five,anna,,1", "ten/3.jpg,Ten,ben,golden,2", "ten/4.jpg,,,,3"]
    summary = run(listed(source, "file,label,volunteer,split,fold", *rows), "--accept")
    assert (summary["new"], summary["accepted"], summary["volunteers"]) == (4, 3, 2)
    assert summary["notes"] == ["columns passed over: fold"]
    assert by_label() == {"": 1, "five": 2, "ten": 1}
    assert dict(Photo.objects.values_list("volunteer__import_name", "pinned_split").distinct()) == {
        "anna": "train",
        "ben": "golden",
        "": "",
    }
    assert dict(Volunteer.objects.values_list("import_name", "is_known")) == {"anna": True, "ben": True, "": False}
    assert Photo.objects.get(label=None).state == PhotoState.AWAITING_REVIEW


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("between", [",", ";"])
def test_csv_as_a_spreadsheet_writes_it(notes: Project, source: Path, mark: str, between: str) -> None:
    lines = [f"{mark}file{between}label", f'"five/1.jpg"{between}"five"', f"ten/3.jpg{between}ten"]
    assert run(listed(source, *lines))["new"] == 2


# --- what it does with them ----------------------------------------------------------------------------------------
def test_accept_is_a_review_by_somebody_who_cannot_sign_in(notes: Project, source: Path) -> None:
    assert run(source, "--accept")["accepted"] == 4
    assert photos.accepted_photos(notes).count() == 4
    importer = User.objects.get(email="import@daybreak.invalid")
    assert not importer.has_usable_password()
    assert set(Review.objects.values_list("action", "reviewer")) == {("accept", importer.pk)}


def test_twice_stores_nothing_twice(notes: Project, source: Path, storage: Path) -> None:
    run(source)
    before = stored(storage), sorted(Photo.objects.values_list("pk", "normalised_sha256"))
    again = run(source)
    assert (again["photos"], again["new"], again["already"]) == (4, 0, 4)
    assert run(zipped(source))["new"] == 0
    assert (stored(storage), sorted(Photo.objects.values_list("pk", "normalised_sha256"))) == before
    assert Volunteer.objects.count() == 1


def test_second_time_may_accept_what_still_waits(notes: Project, source: Path, rosa: User) -> None:
    run(source)
    rejected = Photo.objects.earliest("pk")
    reviews.reject_photo(rejected.pk, by=rosa, reason="unsafe")
    assert run(source, "--accept")["accepted"] == 3
    assert Photo.objects.get(pk=rejected.pk).state == PhotoState.REJECTED


def test_same_photo_twice_in_a_source_is_one(notes: Project, source: Path) -> None:
    (source / "five" / "copy.jpg").write_bytes(jpeg(1))
    summary = run(source)
    assert (summary["photos"], summary["new"], summary["already"]) == (5, 4, 1)


def test_same_photo_under_two_labels_is_named_and_left(notes: Project, source: Path) -> None:
    (source / "ten" / "copy.jpg").write_bytes(jpeg(1))
    summary = run(source, "--accept")
    assert (summary["new"], summary["contradictions"]) == (4, 1)
    assert summary["refused"][0]["reason"].startswith("This photo is stored already, as 'five'")


def test_same_photo_by_two_volunteers_is_one(notes: Project, source: Path) -> None:
    (source / "five" / "copy.jpg").write_bytes(jpeg(1))
    summary = run(listed(source, "file,label,volunteer", "five/1.jpg,five,anna", "five/copy.jpg,five,ben"))
    assert (summary["new"], summary["already"]) == (1, 1)


def test_interrupted_import_goes_on_where_it_stopped(notes: Project, source: Path) -> None:
    run(source)
    one = Photo.objects.earliest("pk")  # as if the process had died between storing and normalising it
    Photo.objects.filter(pk=one.pk).update(state=PhotoState.RECEIVED, normalised_sha256="", normalised_at=None)
    Job.objects.filter(key=str(one.pk)).update(state="queued", attempts=0)
    assert run(source, "--accept")["accepted"] == 4


def test_erased_photo_stays_erased(notes: Project, source: Path, storage: Path) -> None:
    run(source)
    one = Photo.objects.select_related("volunteer").earliest("pk")
    photos.delete_photo(one.volunteer, one.pk)
    assert run(source, "--accept")["accepted"] == 3
    assert not [name for name in stored(storage) if str(one.pk) in name]


def test_unreadable_photos_are_listed_and_the_rest_goes_on(notes: Project, source: Path) -> None:
    (source / "five" / "cut.jpg").write_bytes(encode(draw(7, (640, 480)))[:-500])
    (source / "five" / "fake.jpg").write_text("<html>")
    (source / "five" / "huge.jpg").write_bytes(b"\xff\xd8\xff" + bytes(uploads.MAX_BYTES))
    summary = run(source, "--accept")
    assert (summary["new"], summary["accepted"], summary["unreadable"]) == (5, 4, 3)
    reasons = {one["photo"]: one["reason"] for one in summary["refused"]}
    assert set(reasons) == {"five/cut.jpg", "five/fake.jpg", "five/huge.jpg"}
    assert "cut off" in reasons["five/cut.jpg"]
    assert "not a photo" in reasons["five/fake.jpg"]
    assert "too large" in reasons["five/huge.jpg"]


def test_project_without_labels_takes_those_of_the_source(source: Path) -> None:
    project = projects.create_project("empty", name="Empty")
    (source / "20 Euro").mkdir()
    (source / "20 Euro" / "a.jpg").write_bytes(jpeg(20))
    summary = run(source, slug="empty")
    assert sorted(summary["labels_created"]) == ["20-euro", "five", "ten"]
    assert project.labels.get(slug="20-euro").name == "20 Euro"
    assert run(source, slug="empty")["labels_created"] == []


def test_summary_is_said_in_words(notes: Project, source: Path) -> None:
    out = io.StringIO()
    call_command("import_photos", str(source), "--project", "notes", stdout=out)
    assert "4 photos in " in out.getvalue()
    assert "4 new, 0 already there, 0 accepted, 0 unreadable" in out.getvalue()


# --- wrong: said clearly, and nothing is left behind ---------------------------------------------------------------
def test_unknown_label_is_refused_unless_it_may_be_created(notes: Project, source: Path) -> None:
    (source / "fifty").mkdir()
    (source / "fifty" / "a.jpg").write_bytes(jpeg(50))
    said = refusal(source)
    assert "Notes has no label 'fifty' (fifty/a.jpg)." in said
    assert "five, ten" in said
    assert nothing_stored()
    assert run(source, "--create-labels")["labels_created"] == ["fifty"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["file,name", "five/1.jpg,five"], "lacks the column 'label'; it has file, name"),
        (["", "five/1.jpg,five"], "lacks the column 'file'"),
        (["file,label,label", "five/1.jpg,five,ten"], "has a column twice"),
        (["file,label", "five/1.jpg,five", "five/99.jpg,five"], "In line 3 of"),
        (["file,label", ",five"], "the file '' does not exist"),
        (["file,label,split", "five/1.jpg,five,test"], "the split is 'test'"),
        (["file,label", 'five/1.jpg,"five'], "cannot be read"),
        (["file,label"], "There is no photo in the source."),
        (["file,label", "five/1.jpg,日本"], "no letter or digit"),
    ],
)
def test_csv_that_is_wrong_is_refused(notes: Project, source: Path, lines: list[str], said: str) -> None:
    assert said in refusal(listed(source, *lines), "--create-labels")
    assert nothing_stored()
    assert Label.objects.count() == 2


def test_csv_in_another_encoding_is_refused(notes: Project, source: Path) -> None:
    path = source / "manifest.csv"
    path.write_bytes("file,label\nfive/é.jpg,five\n".encode("latin-1"))
    assert "cannot be read" in refusal(path)


def test_volunteer_on_both_sides_is_refused_with_both_lines(notes: Project, source: Path) -> None:
    lines = ["file,label,volunteer,split", "five/1.jpg,five,anna,train", "ten/3.jpg,ten,anna,golden"]
    said = refusal(listed(source, *lines))
    assert "'anna' is train in line 2, five/1.jpg, but golden in line 3, ten/3.jpg" in said
    assert nothing_stored()


def test_volunteer_on_another_side_than_before_is_refused(notes: Project, source: Path) -> None:
    run(listed(source, "file,label,volunteer,split", "five/1.jpg,five,anna,train"))
    said = refusal(listed(source, "file,label,volunteer,split", "five/2.jpg,five,anna,golden"))
    assert "'anna' is train by an earlier import, but golden in line 2" in said
    assert Photo.objects.count() == 1


def test_missing_empty_and_strange_sources_are_refused(notes: Project, tmp_path: Path) -> None:
    assert f"There is nothing at {tmp_path / 'gone'}." in refusal(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    assert "There is no photo in the source." in refusal(tmp_path / "empty")
    (tmp_path / "file.tar").write_bytes(b"x")
    assert "neither a folder nor a zip nor a CSV" in refusal(tmp_path / "file.tar")
    (tmp_path / "empty" / "a.jpg").write_bytes(jpeg())
    assert "a.jpg lies in no label's folder" in refusal(tmp_path / "empty")
    assert nothing_stored()


def test_unknown_project_is_refused(notes: Project, source: Path) -> None:
    with pytest.raises(CommandError, match="There is no project called 'coins'"):
        call_command("import_photos", str(source), "--project", "coins")


# --- zips that mean harm -------------------------------------------------------------------------------------------
def test_zip_names_lead_nowhere_and_links_are_passed_over(notes: Project, tmp_path: Path, storage: Path) -> None:
    path = tmp_path / "bad.zip"
    link = zipfile.ZipInfo("five/link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("five/good.jpg", jpeg(1))
        archive.writestr("../../five/up.jpg", jpeg(2))
        archive.writestr("five/..\\..\\windows.jpg", jpeg(3))
        archive.writestr("__MACOSX/five/._good.jpg", b"junk")
        archive.writestr(link, "/etc/passwd")
    summary = run(path)
    assert (summary["photos"], summary["new"]) == (1, 1)
    assert summary["notes"] == ["4 files of the zip that are no photos, or links, were passed over"]
    assert {path.name for path in tmp_path.iterdir()} == {"bad.zip", "blobs"}


def test_zip_that_would_grow_too_much_is_refused(notes: Project, tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(6):
            archive.writestr(f"five/{number}.jpg", bytes(20_000_000))
    assert "would grow to 0.1 GB" in refusal(path)
    assert nothing_stored()


def test_zip_with_a_damaged_photo_goes_on(notes: Project, source: Path) -> None:
    path = zipped(source)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"\xff\xd8\xff") + 300] ^= 0xFF
    path.write_bytes(data)
    summary = run(path)
    assert (summary["new"], summary["unreadable"]) == (3, 1)
    assert "The zip is damaged here" in summary["refused"][0]["reason"]


def test_zip_with_a_password_or_cut_off_is_refused(notes: Project, source: Path) -> None:
    path = zipped(source)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"))
    assert "is encrypted" in refusal(path)
    path.write_bytes(data[: len(data) // 2])
    assert "neither a folder nor a zip nor a CSV" in refusal(path)
    assert nothing_stored()


def test_ids_of_imported_photos_never_change(notes: Project, source: Path) -> None:
    """They are how a second run finds the first one's photos, for ever."""
    run(source)
    assert str(imports.NAMESPACE) == "6f0c1f9e-52c5-4d8e-9d1e-3d3c1f1b7a54"
    ids = {str(pk) for pk in Photo.objects.values_list("pk", flat=True)}
    assert {pk[14] for pk in ids} == {"5"}


def test_full_disk_stops_the_import_and_the_next_run_goes_on(
    notes: Project, source: Path, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", refuse)  # the disk's doing, not our code's
        assert "No room in the storage" in refusal(source)
    assert stored(storage) == []
    assert run(source, "--accept")["accepted"] == 4

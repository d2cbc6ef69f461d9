"""A project's capture profile: set by a command, checked wherever a project is saved, said in words, and drawn."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.test import RequestFactory
from PIL import Image

from collector.domain import projects
from collector.enums import PhotoState
from collector.models import Photo, Project
from foundation.models import User
from foundation.problems import Problem
from tests import pages
from training.domain import pictures
from training.ml import contract

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("storage")]


@pytest.fixture
def project() -> Project:
    return pages.make_project()


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("set_capture_profile", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def stored(project: Project) -> Any:
    return Project.objects.values_list("capture_profile", flat=True).get(pk=project.pk)


def accept(project: Project, *labels: str) -> list[Photo]:
    """A photo of each of these labels, accepted."""
    volunteer, _ = pages.make_volunteer()
    photos = [pages.make_photo(project, volunteer, label) for label in labels]
    for photo in photos:
        Photo.objects.filter(pk=photo.pk).update(state=PhotoState.ACCEPTED, label=photo.claimed_label)
    return photos


# --- changing it ---------------------------------------------------------------------------------------------------
def test_value_given_is_set_and_the_others_stay(project: Project) -> None:
    command("euro", "--roll", "20", "--upside-down", "0.5")
    command("euro", "--roll", "5")
    assert stored(project) == {"roll": 5.0, "upside_down": 0.5}


def test_anew_forgets_what_was_set(project: Project) -> None:
    command("euro", "--roll", "20", "--blur", "0.1")
    command("euro", "--anew", "--blur", "0.2")
    assert stored(project) == {"blur": 0.2}


@pytest.mark.parametrize("way", contract.WAYS, ids=lambda way: way.name)
def test_every_way_has_an_option(project: Project, way: contract.Way) -> None:
    command("euro", f"--{way.name.replace('_', '-')}", str(way.most))
    assert stored(project) == {way.name: way.most}


def test_values_that_are_not_allowed_are_all_told_and_nothing_changes(project: Project) -> None:
    command("euro", "--roll", "20")
    with pytest.raises(CommandError) as refused:
        command("euro", "--roll", "400", "--blur", "often", "--shift", "0.2")
    said = str(refused.value)
    assert "roll in capture_profile is not usable (400.0). Allowed: a number from 0 to 180." in said
    assert "blur in capture_profile is not usable (often). Allowed: a number from 0 to 1." in said
    assert stored(project) == {"roll": 20.0}


def test_profile_spoilt_by_hand_is_refused_and_mended_anew(project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(capture_profile={"spin": 1})
    for arguments in (["--show"], ["--json"], ["--roll", "5"]):
        with pytest.raises(CommandError, match="spin in capture_profile is not usable"):
            command("euro", *arguments)
    command("euro", "--anew", "--roll", "5")
    assert stored(project) == {"roll": 5.0}


def test_project_that_is_not_there_is_named(project: Project) -> None:
    with pytest.raises(CommandError, match="There is no project called 'pounds'"):
        command("pounds", "--show")


# --- wherever a project is saved -----------------------------------------------------------------------------------
def test_project_created_with_an_unusable_profile_is_refused() -> None:
    with pytest.raises(Problem, match="roll in capture_profile is not usable") as refused:
        projects.create_project("notes", name="Notes", capture_profile={"roll": 400})
    assert refused.value.kind == "invalid-project"
    assert not Project.objects.exists()


@pytest.mark.parametrize(
    ("given", "faults"),
    [('{"roll": 5}', ""), ('{"roll": 400}', "roll in capture_profile"), ('{"spin": 1}', "spin"), ("[]", "JSON object")],
)
def test_admin_s_form_says_what_is_wrong_with_a_profile(
    project: Project, rf: RequestFactory, given: str, faults: str
) -> None:
    request = rf.get("/")
    request.user = User(is_superuser=True, is_staff=True)
    form = admin.site.get_model_admin(Project).get_form(request, project, change=True)
    data = {name: getattr(project, name) for name in form.base_fields} | {"architectures": '["squeezenet1_1"]'}
    found = form({**data, "capture_profile": given}, instance=project).errors
    assert set(found) == ({"capture_profile"} if faults else set())
    assert faults in str(found)


# --- seeing it -----------------------------------------------------------------------------------------------------
def test_shown_in_words_it_says_what_is_usual_and_what_was_set(project: Project) -> None:
    said = command("euro", "--blur", "0.5").splitlines()
    assert len(said) == 1 + len(contract.WAYS)
    assert "blur 0.5 of photos, usually 0.3: out of focus" in said
    assert "zoom 1.25 times, usual: nearer or farther by up to this factor" in said


def test_as_json_it_is_what_was_set_and_all_values_in_use(project: Project) -> None:
    said = json.loads(command("euro", "--blur", "0.5", "--json"))
    assert (said["project"], said["set"]) == ("euro", {"blur": 0.5})
    assert said["profile"] == contract.CaptureProfile(blur=0.5).to_json()


def test_picture_of_accepted_photos_is_written(project: Project, tmp_path: Path) -> None:
    accept(project, "5", "10")
    command("euro", "--picture", str(tmp_path / "seen.jpg"))
    with Image.open(tmp_path / "seen.jpg") as image:
        assert image.format == "JPEG"
        assert image.width > 7 * project.input_size
        assert image.height > 4 * project.input_size


def test_picture_without_accepted_photos_says_what_to_do(project: Project, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"no photo is accepted yet\. Accept photos in review first"):
        command("euro", "--picture", str(tmp_path / "seen.jpg"))


def test_picture_that_cannot_be_drawn_says_why_and_writes_nothing(project: Project, tmp_path: Path) -> None:
    (photo,) = accept(project, "5")
    Photo.objects.filter(pk=photo.pk).update(normalised_sha256="0" * 64)
    with pytest.raises(CommandError, match="not those that were reviewed"):
        command("euro", "--picture", str(tmp_path / "seen.jpg"))
    assert not (tmp_path / "seen.jpg").exists()


@pytest.mark.parametrize("name", ["seen.png", "nowhere/seen.jpg"])
def test_picture_that_cannot_be_written_there_is_refused_before_anything_changes(
    project: Project, tmp_path: Path, name: str
) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        command("euro", "--roll", "5", "--picture", str(tmp_path / name))
    assert stored(project) == {}


def test_picture_shows_as_many_labels_as_it_can(project: Project) -> None:
    photos = accept(project, "5", "5", "5", "20", "10")
    shown = pictures.choose_photos(project)
    assert [photo.label.slug for photo in shown if photo.label] == ["5", "10", "20", "5"]
    assert len({photo.pk for photo in shown}) == 4
    assert {photo.pk for photo in shown} <= {photo.pk for photo in photos}

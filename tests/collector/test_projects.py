"""Projects, labels, members, challenges, guests, and the commands that make them."""

import datetime as dt
import hashlib
import io
import json
import re
import uuid
from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.test import Client

from collector.domain import challenges, conditions, devices, photos, projects
from collector.enums import LabelState, Role
from collector.models import Challenge, Project, Volunteer
from foundation.models import User
from foundation.problems import Problem
from tests.collector.conftest import API, Phone, make_phone, send

pytestmark = pytest.mark.django_db


def refusal(action: Callable[..., object], *args: object, **named: object) -> Problem:
    with pytest.raises(Problem) as refused:
        action(*args, **named)
    return refused.value


# --- projects and labels -------------------------------------------------------------------------------------------
def test_project_keeps_labels_in_order_and_a_secret(notes: Project) -> None:
    assert [(label.slug, label.name, label.state) for label in notes.labels.all()] == [
        ("five", "5 euro", "live"),
        ("ten", "10 euro", "live"),
    ]
    assert len(notes.split_secret) == 64
    assert projects.get_project("notes") == notes


@pytest.mark.parametrize(
    ("slug", "settings", "kind"),
    [
        ("notes", {}, "project-exists"),
        ("my notes", {}, "invalid-project"),
        ("x", {"timezone": "Mars/Olympus"}, "invalid-project"),
        ("x", {"input_size": -1}, "invalid-project"),
        ("x", {"labels": [("a", "A"), ("a", "B")]}, "label-exists"),
        ("x", {"labels": [("a b", "A")]}, "invalid-label"),
    ],
)
def test_project_that_does_not_fit_is_refused_whole(
    notes: Project, slug: str, settings: dict[str, object], kind: str
) -> None:
    assert refusal(projects.create_project, slug, name="X", **settings).kind == kind
    assert Project.objects.count() == 1


def test_label_is_taught_once_somebody_starts_it(notes: Project) -> None:
    label = projects.add_label(notes, "twenty", name="20 euro", state=LabelState.COLLECTING)
    assert label.position == 2
    assert projects.start_teaching(label).state == LabelState.LIVE
    assert refusal(projects.start_teaching, label).kind == "not-collecting"


def test_members_review_their_projects_only(notes: Project, rosa: User, otto: User, charlie: User) -> None:
    projects.require_reviewer(notes, rosa)
    for user in (otto, charlie, AnonymousUser()):
        assert refusal(projects.require_reviewer, notes, user).status == 403
    assert list(projects.projects_of(rosa)) == [notes]
    assert not projects.projects_of(charlie).exists()
    assert not projects.projects_of(AnonymousUser()).exists()
    assert projects.add_member(notes, rosa, Role.LEAD).role == Role.LEAD
    assert notes.members.count() == 1
    assert refusal(projects.add_member, notes, rosa, "king").kind == "unknown-role"


def test_photo_is_shown_to_its_owner_and_its_reviewers_only(
    alice: Phone, bob: Phone, rosa: User, otto: User, charlie: User
) -> None:
    photo, nobody = send(alice), AnonymousUser()
    assert photos.get_viewable_photo(photo.pk, user=nobody, volunteer=alice.volunteer) == photo
    assert photos.get_viewable_photo(photo.pk, user=rosa) == photo
    for user, volunteer in ((nobody, None), (nobody, bob.volunteer), (otto, None), (charlie, bob.volunteer)):
        problem = refusal(photos.get_viewable_photo, photo.pk, user=user, volunteer=volunteer)
        assert (problem.kind, problem.status) == ("unknown-photo", 404)
    Volunteer.objects.filter(pk=alice.volunteer.pk).update(user=charlie)
    assert photos.get_viewable_photo(photo.pk, user=charlie) == photo
    photos.delete_photo(alice.volunteer, photo.pk)
    assert refusal(photos.get_viewable_photo, photo.pk, user=rosa).kind == "unknown-photo"


# --- guests --------------------------------------------------------------------------------------------------------
def test_guest_gets_a_token_once_and_only_its_hash_is_kept() -> None:
    answer = Client().post(f"{API}/guests", {"consent_version": "2026-11"}, content_type="application/json")
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    guest = json.loads(answer.content)
    assert set(guest) == {"volunteer", "token"}
    volunteer = Volunteer.objects.get()
    assert (str(volunteer.pk), volunteer.consents.get().text.version) == (guest["volunteer"], "2026-11")
    device = volunteer.devices.get()
    assert device.token_sha256 == hashlib.sha256(guest["token"].encode()).hexdigest()
    assert devices.find_device(guest["token"]) == device
    assert devices.find_device("") is devices.find_device("x") is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"consent_version": "1999-01"}', "unknown-consent-version"),
        ("{}", "invalid-parameter"),
        ('{"consent_version": "2026-11", "admin": true}', "invalid-parameter"),
        ('{"consent_version": 7}', "invalid-parameter"),
        ("not json", "bad-request"),
    ],
)
def test_guest_without_the_current_consent_is_refused(body: str, kind: str) -> None:
    answer = Client().post(f"{API}/guests", body, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert json.loads(answer.content)["type"] == f"/problems/{kind}"
    assert not Volunteer.objects.exists()


# --- challenges ----------------------------------------------------------------------------------------------------
def test_todays_challenge_comes_with_the_labels_to_choose_from(notes: Project) -> None:
    projects.add_label(notes, "old", name="old note", state=LabelState.RETIRED)
    five = projects.get_label(notes, "five")
    challenge = challenges.set_challenge(
        notes,
        challenges.local_day(notes),
        text="A 5 euro note",
        label=five,
        conditions=conditions.get_conditions(notes, ["dim"]),
        target_count=50,
    )
    answer = Client().get(f"{API}/challenges/today?project=notes")
    assert answer.status_code == 200
    assert json.loads(answer.content) == {
        "challenge": str(challenge.pk),
        "project": "notes",
        "day": str(challenge.day),
        "ends_at": f"{challenge.day + dt.timedelta(days=1)}T00:00:00Z",
        "text": "A 5 euro note",
        "label": "five",
        "conditions": [{"slug": "dim", "axis": "light", "name": "dim light"}],
        "target_count": 50,
        "labels": [{"slug": "five", "name": "5 euro"}, {"slug": "ten", "name": "10 euro"}],
    }


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("?project=notes", 404, "no-challenge-today"),
        ("?project=coins", 404, "unknown-project"),
        ("", 400, "invalid-parameter"),
        ("?project=notes&day=2026-11-20", 400, "unknown-parameter"),
    ],
)
def test_todays_challenge_that_is_not_there(notes: Project, query: str, status: int, kind: str) -> None:
    answer = Client().get(f"{API}/challenges/today{query}")
    assert (answer.status_code, json.loads(answer.content)["type"]) == (status, f"/problems/{kind}")


def test_todays_challenge_follows_the_projects_clock(notes: Project) -> None:
    east, west = (
        projects.create_project(slug, name=slug, timezone=zone)
        for slug, zone in (("east", "Pacific/Kiritimati"), ("west", "Pacific/Pago_Pago"))
    )
    assert challenges.local_day(east) - challenges.local_day(west) >= dt.timedelta(days=1)
    challenge = challenges.set_challenge(east, dt.date(2026, 11, 20), text="Anything")
    assert challenges.ends_at(challenge).isoformat() == "2026-11-21T00:00:00+14:00"


def test_challenge_of_a_day_is_replaced(notes: Project) -> None:
    day = dt.date(2026, 11, 20)
    challenges.set_challenge(notes, day, text="one")
    challenges.set_challenge(notes, day, text="two")
    assert Challenge.objects.get().text == "two"
    assert refusal(challenges.set_challenge, notes, day, text=" ").kind == "invalid-challenge"


# --- commands ------------------------------------------------------------------------------------------------------
def test_create_project_command_makes_all_of_it(rosa: User) -> None:
    out = io.StringIO()
    call_command(
        *("create_project", "coins", "--name", "Coins", "--label", "one=1 euro", "--label", "two"),
        *("--collecting", "cent=1 cent", "--reviewer", "Rosa@example.org", "--architecture", "squeezenet1_0"),
        *("--architecture", "mobilenet_v2", "--pretrained", "scratch", "--input-size", "96"),
        *("--cost-target", "100"),
        stdout=out,
    )
    project = projects.get_project("coins")
    assert [(label.slug, label.name, label.state) for label in project.labels.all()] == [
        ("one", "1 euro", "live"),
        ("two", "two", "live"),
        ("cent", "1 cent", "collecting"),
    ]
    assert project.architectures == ["squeezenet1_0", "mobilenet_v2"]
    assert (project.pretrained, project.input_size, project.cost_target_m) == ("scratch", 96, 100)
    assert list(projects.projects_of(rosa).order_by("slug")) == [project, projects.get_project("notes")]
    assert "/review/coins/" in out.getvalue()


def test_create_project_command_gives_a_new_reviewer_an_account_that_signs_in(client: Client) -> None:
    out = io.StringIO()
    call_command("create_project", "coins", "--name", "Coins", "--reviewer", "Nora@example.org", stdout=out)
    said = re.search(r"New account nora@example.org, password (\S+) ", out.getvalue())
    assert said
    assert client.login(username="nora@example.org", password=said[1])
    assert client.get("/review/coins/").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("notes", "--name", "Again"), "already exists"),
        (("x", "--name", "X", "--reviewer", "nobody"), "no e-mail address"),
        (("x", "--name", "X", "--label", "=5 euro"), "slug=Name"),
        (("x y", "--name", "X"), "does not fit"),
    ],
)
def test_create_project_command_says_what_is_wrong(notes: Project, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("create_project", *arguments)
    assert Project.objects.count() == 1


def test_set_challenge_command_sets_today_by_default(notes: Project) -> None:
    call_command("set_challenge", "notes", "--text", "A 5 euro note", "--label", "five", stdout=io.StringIO())
    assert challenges.today(notes).label == projects.get_label(notes, "five")
    with pytest.raises(CommandError, match="no label 'fifty'"):
        call_command("set_challenge", "notes", "--text", "x", "--label", "fifty")
    with pytest.raises(CommandError, match="no project called"):
        call_command("set_challenge", "coins", "--text", "x")


def test_phones_challenge_id_is_found_in_its_project_only(notes: Project) -> None:
    other = projects.create_project("coins", name="Coins")
    challenge = challenges.set_challenge(other, dt.date(2026, 11, 20), text="x")
    assert challenges.get_challenge(other, str(challenge.pk)) == challenge
    for wrong in (str(challenge.pk), "9" * 30, "-1", str(uuid.uuid4())):
        assert refusal(challenges.get_challenge, notes, wrong).kind == "unknown-challenge"
    assert make_phone().put(b"x", query=f"project=notes&challenge={challenge.pk}").status_code == 404


# --- the admin pages -----------------------------------------------------------------------------------------------
def test_admin_shows_everything_and_no_secret(alice: Phone, notes: Project) -> None:
    photo = send(alice)
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", "correct horse"))
    for page in ("project", "challenge", "photo", "review", "volunteer"):
        assert client.get(f"/admin/collector/{page}/").status_code == 200
    for page in (f"project/{notes.pk}", f"photo/{photo.pk}", f"volunteer/{alice.volunteer.pk}"):
        answer = client.get(f"/admin/collector/{page}/change/")
        assert answer.status_code == 200
        assert notes.split_secret.encode() not in answer.content
        assert alice.volunteer.devices.get().token_sha256.encode() not in answer.content
    for page in ("project/add", "photo/add", f"photo/{photo.pk}/delete"):
        assert client.get(f"/admin/collector/{page}/").status_code == 403

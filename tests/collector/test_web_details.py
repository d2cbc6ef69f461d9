"""One photo's page, gold, one's own pace, and taking many decisions back."""

import pytest
from django.test import Client

from collector.domain import appeals, reverts, undoing
from collector.enums import PhotoState, ServedAs
from collector.models import Opinion, Photo, Project, Revert
from foundation import jobs
from foundation.models import User
from tests.collector.conftest import Phone, check_problem
from tests.collector.reviewing import accept, reject, relabel, shoot, states, taken

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


@pytest.fixture
def reviewer(client: Client, rosa: User) -> Client:
    client.force_login(rosa)
    return client


@pytest.fixture
def lead(client: Client, lena: User) -> Client:
    client.force_login(lena)
    return client


def details(client: Client, photo: Photo) -> str:
    answer = client.get(f"/review/notes/photos/{photo.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


# --- one photo -----------------------------------------------------------------------------------------------------
def test_decided_photo_shows_its_history(reviewer: Client, rosa: User, lena: User, alice: Phone) -> None:
    photo = shoot(alice)
    Photo.objects.update(scores={"ten": 0.91}, release="2026-11-20.1")
    taken(reject(photo, "screen_or_print"), by=rosa)
    appeals.appeal(alice.volunteer, photo.pk, "It is <b>real</b>.")
    page = details(reviewer, photo)
    assert "screen or print" in page
    assert "It is &lt;b&gt;real&lt;/b&gt;." in page
    assert "ten 0.91" in page
    taken(relabel(photo), by=lena, again=True)
    page = details(reviewer, photo)
    assert page.index("Rosa") < page.index("Lena")
    assert "accepted after all" in page


def test_photo_one_is_asked_about_looks_like_one_that_waits(
    client: Client, rosa: User, vera: User, lena: User, alice: Phone
) -> None:
    asked, waiting = shoot(alice), shoot(alice, label="ten")
    taken(relabel(asked), by=vera)
    Photo.objects.filter(pk=asked.pk).update(is_gold=True)
    for user in (rosa, lena):
        Opinion.objects.create(photo=asked, reviewer=user, served_as=ServedAs.GOLD)
        client.force_login(user)
        page = details(client, asked)
        assert "waits for a decision" in page
        assert "waits for a decision" in details(client, waiting)
        assert not any(word in page for word in ("Vera", "relabel", "gold", "Label now", "5 euro"))
        taken(accept(asked), by=user)
        assert "Vera" in details(client, asked)


def test_erased_photo_shows_no_picture(reviewer: Client, rosa: User, alice: Phone) -> None:
    photo = shoot(alice)
    taken(reject(photo, "privacy"), by=rosa)
    page = details(reviewer, photo)
    assert "There is nothing to see: the photo is deleted." in page
    assert f"/photos/{photo.pk}/normalised" not in page


def test_only_leads_are_offered_gold(client: Client, rosa: User, lena: User, alice: Phone) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=rosa)
    for user, offered in ((rosa, False), (lena, True)):
        client.force_login(user)
        assert ("Make it gold" in details(client, photo)) is offered


def test_gold_is_set_and_taken_back(lead: Client, rosa: User, alice: Phone) -> None:
    photo, waiting = shoot(alice), shoot(alice)
    taken(accept(photo), by=rosa)
    address = f"/review/notes/photos/{photo.pk}/"
    for said, is_gold in (("1", True), ("0", False)):
        assert lead.post(f"{address}gold", {"gold": said})["Location"] == address
        photo.refresh_from_db()
        assert photo.is_gold is is_gold
    refused = lead.post(f"/review/notes/photos/{waiting.pk}/gold", {"gold": "1"}, headers=JSON)
    check_problem(refused, 409, "not-decided")


# --- one's own pace ------------------------------------------------------------------------------------------------
def test_pace_shows_ones_own_figures_only(client: Client, rosa: User, vera: User, alice: Phone) -> None:
    taken(*[accept(shoot(alice)) for _ in range(3)], by=vera)
    for user, photos in ((rosa, 0), (vera, 3)):
        client.force_login(user)
        answer = client.get("/review/notes/pace/")
        assert answer.context["pace"].photos == photos
        assert "Nobody but you sees this page." in answer.content.decode()


# --- taking many decisions back ------------------------------------------------------------------------------------
REVERTS = "/review/notes/reverts/"


def test_lead_looks_confirms_and_watches(lead: Client, rosa: User, alice: Phone, notes: Project) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=rosa)
    assert "would be taken back" not in lead.get(REVERTS).content.decode()
    scope = {"reviewer": str(rosa.pk), "since": "2000-01-01T00:00"}
    seen = lead.get(REVERTS, scope)
    assert "1 decision would be taken back" in seen.content.decode()
    assert states(photo) == [PhotoState.ACCEPTED]
    newest = seen.context["preview"].newest_review
    begun = lead.post(REVERTS, {**scope, "newest": newest})
    revert = Revert.objects.get()
    assert begun["Location"] == f"{REVERTS}{revert.pk}/"
    assert "Taking decisions back" in lead.get(begun["Location"]).content.decode()
    assert jobs.find(reverts.REVERT, str(revert.pk)) is not None
    reverts.work_off(revert.pk)
    assert "1 decision taken back" in lead.get(begun["Location"]).content.decode()
    assert states(photo) == [PhotoState.AWAITING_REVIEW]
    assert undoing.past(notes, by=rosa) == []


def test_nothing_to_take_back_offers_no_button(lead: Client, rosa: User) -> None:
    page = lead.get(REVERTS, {"reviewer": rosa.pk}).content.decode()
    assert "Nothing would be taken back" in page
    assert 'name="newest"' not in page


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"reviewer": "rosa"}, "invalid-scope"),
        ({"reviewer": "9" * 40}, "invalid-scope"),
        ({"device": "-1"}, "invalid-scope"),
        ({"volunteer": "\x00"}, "invalid-scope"),
        ({"since": "yesterday"}, "invalid-scope"),
        ({"until": "2026-13-01T00:00"}, "invalid-scope"),
        ({}, "empty-scope"),
        ({"reviewer": "1", "newest": ""}, "invalid-scope"),
        ({"reviewer": "1", "newest": "9" * 40}, "invalid-scope"),
    ],
)
def test_scope_that_makes_no_sense_is_refused_in_words(lead: Client, said: dict[str, str], kind: str) -> None:
    check_problem(lead.post(REVERTS, {"newest": "1", **said}, headers=JSON), 400, kind)
    assert not Revert.objects.exists()


def test_revert_of_another_project_is_not_found(lead: Client, otto: User, lena: User) -> None:
    coins = Project.objects.get(slug="coins")
    other = Revert.objects.create(project=coins, by=lena, scope={"reviewer": 1}, newest_review=1, found=0)
    assert lead.get(f"{REVERTS}{other.pk}/").status_code == 404

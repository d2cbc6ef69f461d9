"""Who gets in where: nobody without a login, no stranger, reviewers to review, leads to the rest."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client

from collector.enums import PhotoState
from collector.models import Hold, Opinion, Photo, Project, Revert, Review
from foundation.models import User
from tests.collector.conftest import Phone
from tests.collector.reviewing import shoot, states

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


@dataclass(frozen=True)
class Address:
    """A page or an address of a page's script, and what it answers to those who may use it."""

    path: str
    method: str = "get"
    body: Any = field(default_factory=dict)
    is_page: bool = False  # for people: leads to the login; a script is told
    needs_lead: bool = False
    ok: int = 200

    def ask(self, client: Client, photo: Photo) -> Any:
        path = "/review/notes/" + self.path.replace("PHOTO", str(photo.pk))
        body = {name: text.replace("PHOTO", str(photo.pk)) for name, text in self.body.items()}
        if self.method == "get":
            return client.get(path, headers={} if self.is_page else JSON)
        return client.post(path, body, headers={} if self.is_page else JSON)


ADDRESSES = [
    Address("", is_page=True),
    Address("?view=grid&shown=accepted", is_page=True),
    Address("queue"),
    Address("decisions", "post", ok=400),  # an empty decision: let in, and then told what is missing
    Address("undo", "post", ok=400),
    Address("release", "post", {"photos": "PHOTO"}, ok=204),
    Address("photos/PHOTO/", is_page=True),
    Address("photos/PHOTO/gold", "post", {"gold": "1"}, is_page=True, needs_lead=True, ok=409),  # not decided yet
    Address("pace/", is_page=True),
    Address("reverts/", is_page=True, needs_lead=True),
    Address("reverts/", "post", {"reviewer": "1", "newest": "1"}, is_page=True, needs_lead=True, ok=302),
    Address("reverts/1/", is_page=True, needs_lead=True, ok=404),  # there is none
]
each_address = pytest.mark.parametrize("address", ADDRESSES, ids=lambda one: f"{one.method} {one.path or 'page'}")


@pytest.fixture
def photo(alice: Phone) -> Photo:
    return shoot(alice)


def nothing_happened(photo: Photo) -> bool:
    rows = [model.objects.exists() for model in (Review, Hold, Opinion, Revert)]
    return states(photo) == [PhotoState.AWAITING_REVIEW] and not any(rows)


@each_address
def test_anonymous_is_led_to_the_login_or_told(client: Client, photo: Photo, address: Address) -> None:
    answer = address.ask(client, photo)
    if address.is_page:
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/?next=/review/notes/")
    else:
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/sign-in-needed")
    assert nothing_happened(photo)


@each_address
@pytest.mark.parametrize("stranger", ["charlie", "otto"])
def test_stranger_is_refused_in_words(
    client: Client, photo: Photo, address: Address, stranger: str, request: pytest.FixtureRequest
) -> None:
    client.force_login(request.getfixturevalue(stranger))
    answer = address.ask(client, photo)
    role = "lead" if address.needs_lead else "reviewer"
    assert answer.status_code == 403
    assert f"You are not a {role} of Notes." in answer.content.decode()
    assert nothing_happened(photo)


@each_address
def test_reviewer_gets_in_but_not_to_what_is_a_leads(
    client: Client, photo: Photo, rosa: User, address: Address
) -> None:
    client.force_login(rosa)
    answer = address.ask(client, photo)
    assert answer.status_code == (403 if address.needs_lead else address.ok)
    assert not Revert.objects.exists()


@each_address
@pytest.mark.parametrize("who", ["lead", "superuser"])
def test_lead_and_superuser_get_in_everywhere(
    client: Client, photo: Photo, lena: User, address: Address, who: str
) -> None:
    client.force_login(lena if who == "lead" else User.objects.create_superuser("root@example.org"))
    assert address.ask(client, photo).status_code == address.ok


def test_somebody_who_was_switched_off_is_out(client: Client, photo: Photo, rosa: User) -> None:
    client.force_login(rosa)
    User.objects.filter(pk=rosa.pk).update(is_active=False)
    assert client.get("/review/notes/queue", headers=JSON).status_code == 401


@each_address
def test_unknown_project_is_not_found(client: Client, photo: Photo, lena: User, address: Address) -> None:
    client.force_login(lena)
    Project.objects.filter(slug="notes").update(slug="banknotes")
    assert address.ask(client, photo).status_code == 404


@each_address
def test_wrong_method_is_refused(client: Client, photo: Photo, lena: User, address: Address) -> None:
    client.force_login(lena)
    assert client.put(f"/review/notes/{address.path.replace('PHOTO', str(photo.pk))}").status_code == 405


@each_address
def test_post_without_csrf_token_is_refused(photo: Photo, lena: User, address: Address) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(lena)
    assert address.ask(strict, photo).status_code == (403 if address.method == "post" else address.ok)
    assert not Revert.objects.exists()


@each_address
def test_answers_are_never_cached(client: Client, photo: Photo, lena: User, address: Address) -> None:
    client.force_login(lena)
    answer = address.ask(client, photo)
    if answer.status_code in {200, 204}:
        assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("slug", ["coins", "notes"])
def test_photo_of_another_project_is_not_found(client: Client, alice: Phone, lena: User, otto: User, slug: str) -> None:
    Project.objects.get(slug="coins").labels.create(slug="cent", name="1 cent")
    client.force_login(lena if slug == "notes" else otto)
    other = shoot(alice, label="cent", slug="coins") if slug == "notes" else shoot(alice)
    assert client.get(f"/review/{slug}/photos/{other.pk}/").status_code == 404
    assert client.get(f"/review/{slug}/photos/{uuid.uuid4()}/").status_code == 404

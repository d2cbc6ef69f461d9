"""Who may see a photo: its owner and its project's reviewers; for everybody else it does not exist."""

import io
import uuid

import pytest
from django.test import Client
from PIL import Image

from collector.domain import photos
from collector.models import Photo, Volunteer
from tests import pages

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> tuple[Volunteer, str]:
    return pages.make_volunteer("Anna")


@pytest.fixture
def photo(owner: tuple[Volunteer, str]) -> Photo:
    return pages.make_photo(pages.make_project(), owner[0])


def address(photo: Photo, kind: str = "normalised") -> str:
    return f"/photos/{photo.pk}/{kind}"


def status(client: Client, photo: Photo, token: str = "", kind: str = "normalised") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else None
    return client.get(address(photo, kind), headers=headers).status_code


def test_image_for_its_owner_by_token(client: Client, photo: Photo, owner: tuple[Volunteer, str]) -> None:
    assert status(client, photo, token=owner[1]) == 200
    assert status(client, photo, token=owner[1], kind="thumbnail") == 200


def test_image_for_its_owner_by_session(client: Client, photo: Photo, owner: tuple[Volunteer, str]) -> None:
    Volunteer.objects.filter(pk=owner[0].pk).update(user=(user := pages.make_user("anna@example.org")))
    client.force_login(user)
    assert status(client, photo) == 200


def test_image_for_its_own_reviewer(client: Client, photo: Photo) -> None:
    client.force_login(pages.make_user("rosa@example.org", reviews=photo.project))
    assert status(client, photo) == 200
    assert status(client, photo, kind="thumbnail") == 200


def test_image_for_anonymous_does_not_exist(client: Client, photo: Photo) -> None:
    assert status(client, photo) == 404


def test_image_for_a_wrong_token_does_not_exist(client: Client, photo: Photo) -> None:
    assert status(client, photo, token="made-up") == 404


def test_image_for_another_volunteer_does_not_exist(client: Client, photo: Photo) -> None:
    assert status(client, photo, token=pages.make_volunteer("Ben")[1]) == 404


def test_image_for_another_projects_reviewer_does_not_exist(client: Client, photo: Photo) -> None:
    client.force_login(pages.make_user("otto@example.org", reviews=pages.make_project("signs", "Sign digits")))
    assert status(client, photo) == 404


def test_image_for_a_reviewer_who_was_switched_off_does_not_exist(client: Client, photo: Photo) -> None:
    client.force_login(rosa := pages.make_user("rosa@example.org", reviews=photo.project))
    type(rosa).objects.filter(pk=rosa.pk).update(is_active=False)
    assert status(client, photo) == 404


def test_image_once_erased_does_not_exist_even_for_its_owner(
    client: Client, photo: Photo, owner: tuple[Volunteer, str]
) -> None:
    photos.delete_photo(owner[0], photo.pk)
    assert status(client, photo, token=owner[1]) == 404


def test_image_of_the_original_has_no_address(client: Client, photo: Photo, owner: tuple[Volunteer, str]) -> None:
    assert status(client, photo, token=owner[1], kind="original") == 404


def test_image_of_an_unknown_id_does_not_exist(client: Client, owner: tuple[Volunteer, str]) -> None:
    headers = {"Authorization": f"Bearer {owner[1]}"}
    assert client.get(f"/photos/{uuid.uuid4()}/normalised", headers=headers).status_code == 404


def test_image_takes_no_other_method(client: Client, photo: Photo) -> None:
    assert client.post(address(photo)).status_code == 405


def test_image_answer_is_kept_by_nobody_and_can_do_nothing(
    client: Client, photo: Photo, owner: tuple[Volunteer, str]
) -> None:
    answer = client.get(address(photo), headers={"Authorization": f"Bearer {owner[1]}"})
    wanted = {
        "Content-Type": "image/jpeg",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'inline; filename="{photo.pk}.jpg"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    assert {name: answer[name] for name in wanted} == wanted
    assert "Set-Cookie" not in answer
    image = Image.open(io.BytesIO(answer.getvalue()))
    assert (image.format, image.size) == ("JPEG", (800, 600))

"""The start page, signing in and out, errors, and the answers for supervisors."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from collector.domain import projects
from foundation.models import User
from tests import pages

pytestmark = pytest.mark.django_db


@pytest.fixture
def rosa() -> User:
    return pages.make_user("rosa@example.org", display_name="Rosa")


def sign_in(client: Client, **given: str) -> Any:
    return client.post("/login/", {"login": "rosa@example.org", "password": "correct horse", **given})


def test_home_for_anonymous_leads_to_the_login(client: Client) -> None:
    assert client.get("/")["Location"] == "/login/?next=/"


def test_home_lists_only_my_projects(client: Client, rosa: User) -> None:
    euro = pages.make_project()
    pages.make_project("signs", "Sign digits")
    projects.add_member(euro, rosa)
    pages.make_photo(euro, pages.make_volunteer()[0])
    pages.make_run(euro)
    client.force_login(rosa)
    answer = client.get("/")
    (row,) = answer.context["rows"]
    assert (row["project"], row["waiting"], row["night"]["state"]) == (euro, 1, "published")
    assert "Sign digits" not in answer.content.decode()


def test_home_for_a_superuser_lists_all(client: Client) -> None:
    for slug in ("euro", "signs"):
        pages.make_project(slug, slug)
    client.force_login(pages.make_user("root@example.org", is_superuser=True))
    assert [row["project"].slug for row in client.get("/").context["rows"]] == ["euro", "signs"]


def test_home_without_projects_says_whom_to_ask(client: Client, rosa: User) -> None:
    client.force_login(rosa)
    assert "Ask a project's admin to add rosa@example.org" in client.get("/").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_home_asks_the_same_queries_however_many_projects(
    client: Client, rosa: User, count: int, django_assert_num_queries: Any
) -> None:
    for at in range(count):
        project = pages.make_project(f"p{at}", f"Project {at}")
        projects.add_member(project, rosa)
        pages.make_run(project)
    client.force_login(rosa)
    with django_assert_num_queries(7):  # session, user, projects, waiting, runs, stages, releases
        assert len(client.get("/").context["rows"]) == count


# --- signing in and out --------------------------------------------------------------------------------------------
def test_login_takes_the_address_in_any_case_and_goes_on(client: Client, rosa: User) -> None:
    answer = sign_in(client, login="Rosa@Example.org", next="/runs/euro/")
    assert (answer.status_code, answer["Location"]) == (302, "/runs/euro/")


def test_login_never_leads_to_another_site(client: Client, rosa: User) -> None:
    assert sign_in(client, next="https://elsewhere.example/")["Location"] == "/"


def test_login_with_a_wrong_password_says_what_to_do(client: Client, rosa: User) -> None:
    answer = sign_in(client, password="correct house")
    assert answer.status_code == 200
    assert "do not belong together" in answer.content.decode()
    assert 'value="rosa@example.org"' in answer.content.decode()


def test_logout_is_a_form_not_a_link(client: Client, rosa: User) -> None:
    client.force_login(rosa)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/"
    assert client.get("/").status_code == 302


# --- errors and headers --------------------------------------------------------------------------------------------
def test_unknown_address_answers_in_the_same_look(client: Client) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "There is nothing at this address for you" in answer.content.decode()


def test_form_without_token_answers_in_words(rosa: User) -> None:
    answer = sign_in(Client(enforce_csrf_checks=True))
    assert answer.status_code == 403
    assert "too old to be trusted" in answer.content.decode()


def test_broken_view_answers_in_words(client: Client, rosa: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.web.home.describe_projects", lambda _mine: 1 / 0)
    client.raise_request_exception = False
    client.force_login(rosa)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()


def test_pages_allow_only_their_own_scripts_and_styles(client: Client) -> None:
    policy = client.get(reverse("login"))["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy


# --- supervisors ---------------------------------------------------------------------------------------------------
def test_healthz_asks_nobody(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert client.get("/healthz").json() == {"status": "alive"}


def test_readyz_asks_the_database(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert client.get("/readyz").json() == {"status": "ready"}

"""Refusals: what programs and people get."""

import json
from typing import Any

import pytest
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.views.decorators.http import require_POST

import config.urls
from foundation.problems import Problem, as_response

PLAIN = {"HTTP_ACCEPT": "*/*"}


def refuse(request: HttpRequest) -> HttpResponse:
    raise Problem(
        "unknown-label",
        404,
        "euro has no label '<25>'.",
        allowed="5, 10",
        do="Use one of these.",
        headers={"Retry-After": "3"},
        label="<25>",
    )


def vanish(request: HttpRequest) -> HttpResponse:
    raise Http404


def crash(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


@require_POST
def post_only(request: HttpRequest) -> HttpResponse:
    return HttpResponse("posted")


urlpatterns = [
    path("api/refuse", refuse),
    path("api/vanish", vanish),
    path("api/crash", crash),
    path("api/post-only", post_only),
    path("page/refuse", refuse),
    path("page/vanish", vanish),
    *config.urls.urlpatterns,  # the pages link to each other
]
pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


def body_of(response: Any) -> dict[str, Any]:
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    parsed: dict[str, Any] = json.loads(response.content)
    return parsed


def test_program_gets_problem_json(visitor: Client) -> None:
    response = visitor.get("/api/refuse")
    assert response.status_code == 404
    assert response["Retry-After"] == "3"
    assert body_of(response) == {
        "type": "/problems/unknown-label",
        "title": "Unknown label",
        "status": 404,
        "detail": "euro has no label '<25>'.",
        "allowed": "5, 10",
        "do": "Use one of these.",
        "label": "<25>",
    }


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("text/html;q=0.5, application/json", "application/problem+json"),
    ],
)
def test_page_answers_as_asked(visitor: Client, accept: str, content_type: str) -> None:
    response = visitor.get("/page/refuse", HTTP_ACCEPT=accept)
    assert response.status_code == 404
    assert response["Content-Type"] == content_type


def test_person_gets_a_page_that_is_safe_to_show(visitor: Client) -> None:
    page = visitor.get("/page/refuse", HTTP_ACCEPT="text/html").content.decode()
    assert "<h1>Unknown label</h1>" in page
    assert "euro has no label &#x27;&lt;25&gt;&#x27;." in page
    assert "Use one of these." in page


@pytest.mark.parametrize(
    ("address", "status", "kind"),
    [
        ("/api/vanish", 404, "not-found"),
        ("/api/no-such-address", 404, "not-found"),
        ("/models/no-such-address", 404, "not-found"),
        ("/api/crash", 500, "server-error"),
    ],
)
def test_djangos_own_errors_are_problems_to_programs(visitor: Client, address: str, status: int, kind: str) -> None:
    response = visitor.get(address)
    assert response.status_code == status
    assert body_of(response)["type"] == f"/problems/{kind}"


def test_wrong_method_keeps_the_allow_header(visitor: Client) -> None:
    response = visitor.get("/api/post-only")
    assert body_of(response)["type"] == "/problems/method-not-allowed"
    assert response["Allow"] == "POST"


def test_djangos_own_errors_stay_pages_for_people(visitor: Client) -> None:
    response = visitor.get("/page/vanish", HTTP_ACCEPT="text/html")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_answer_that_already_is_a_problem_stays(visitor: Client) -> None:
    response = as_response(Problem("too-large", 413, "The photo is too large: 26.0 MB.", allowed="25 MB"))
    assert body_of(response)["detail"] == "The photo is too large: 26.0 MB."


def test_problem_reads_as_a_sentence_in_logs() -> None:
    problem = Problem("too-large", 413, "The photo is too large: 26.0 MB.", allowed="25 MB", do="Send a smaller one.")
    assert str(problem) == "The photo is too large: 26.0 MB. Allowed: 25 MB. Send a smaller one."

"""What is said when a request cannot be done: RFC 9457, one sentence, what is allowed, what to do.

Raise ``Problem`` anywhere below a view; the middleware answers. Each kind has a heading in docs/problems.md.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string

JSON_PATHS = ("/api/", "/models/", "/m/")
MEDIA_TYPE = "application/problem+json"
KINDS_BY_STATUS = {  # for errors that Django itself answers
    400: ("bad-request", "The request cannot be understood."),
    403: ("forbidden", "This is not yours to see or do."),
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This address does not take that method."),
    413: ("too-large", "The request is too large."),
    500: ("server-error", "Something broke on our side."),
}


class Problem(Exception):  # noqa: N818 -- the word of RFC 9457
    """A refusal that the caller can understand and mend.

    ``kind`` is the stable slug of the type, ``detail`` one short sentence with the offending value, ``allowed`` what
    would have been accepted, ``do`` the next step; other members go into the JSON as they are.
    """

    def __init__(
        self,
        kind: str,
        status: int,
        detail: str,
        *,
        allowed: str = "",
        do: str = "",
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        accepted = f"Allowed: {allowed.rstrip('.')}." if allowed else ""
        super().__init__(" ".join(part for part in (detail, accepted, do) if part))
        self.kind = kind
        self.status = status
        self.detail = detail
        self.allowed = allowed
        self.do = do
        self.headers = dict(headers or {})
        self.members = members

    @property
    def title(self) -> str:
        """The kind as words: "Unknown project"."""
        return self.kind.replace("-", " ").capitalize()

    def as_dict(self) -> dict[str, Any]:
        """The body of the JSON answer."""
        body = {"type": f"/problems/{self.kind}", "title": self.title, "status": self.status, "detail": self.detail}
        return body | {"allowed": self.allowed, "do": self.do} | self.members


def as_response(problem: Problem) -> HttpResponse:
    """``application/problem+json``, never cached."""
    headers = {"Cache-Control": "no-store"} | problem.headers
    return JsonResponse(problem.as_dict(), status=problem.status, content_type=MEDIA_TYPE, headers=headers)


def as_page(problem: Problem, request: HttpRequest) -> HttpResponse:
    """A small page for people."""
    body = render_to_string("foundation/problem.html", {"problem": problem}, request)
    return HttpResponse(body, status=problem.status, headers={"Cache-Control": "no-store"} | problem.headers)


def wants_json(request: HttpRequest) -> bool:
    """Whether a program asks: by the address, or by preferring JSON to HTML."""
    if request.path.startswith(JSON_PATHS):
        return True
    preferred = request.get_preferred_type(["text/html", "application/json", MEDIA_TYPE])
    return preferred is not None and preferred != "text/html"


class ProblemMiddleware:
    """Turns raised Problems into answers, and Django's own HTML errors into problem+json where a program asked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer."""
        response = self.get_response(request)
        known = KINDS_BY_STATUS.get(response.status_code)
        if known and _is_djangos_own(response) and wants_json(request):
            kept = {name: response[name] for name in ("Allow",) if name in response}
            return as_response(Problem(known[0], response.status_code, known[1], headers=kept))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Called by Django when a view raises."""
        if not isinstance(exception, Problem):
            return None
        return as_response(exception) if wants_json(request) else as_page(exception, request)


def _is_djangos_own(response: HttpResponseBase) -> bool:
    """405 comes without a body; 400, 403, 404 and 500 as HTML."""
    return response.get("Content-Type", "").startswith("text/html")

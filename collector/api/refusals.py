"""Ninja's own refusals, said as problem+json like all others."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from collector.api.body import drain
from foundation.problems import Problem, as_response

MISSING = "missing"
FORBIDDEN = "extra_forbidden"


def add_problem_handlers(api: NinjaAPI) -> None:
    """Register the handlers on the one API object."""
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(AuthenticationError, _unauthenticated)
    api.add_exception_handler(HttpError, _unreadable)


def _invalid(request: HttpRequest, error: ValidationError | type[ValidationError]) -> HttpResponse:
    drain(request)
    first: dict[str, Any] = error.errors[0] if isinstance(error, ValidationError) else {}
    name = str(first.get("loc", ["request"])[-1])
    if first.get("type") == MISSING:
        detail = f"The parameter '{name}' is missing."
    elif first.get("type") == FORBIDDEN:
        detail = f"The member '{name}' is not known."
    else:
        detail = f"The parameter '{name}' cannot be used: {first.get('msg', 'invalid')}."
    return as_response(Problem("invalid-parameter", 400, detail, do="Correct it and send again.", parameter=name))


def _unauthenticated(request: HttpRequest, _error: object) -> HttpResponse:
    drain(request)
    return as_response(
        Problem(
            "not-signed-in",
            401,
            "The request carries no valid token.",
            do="Send 'Authorization: Bearer TOKEN' with the token from POST /api/v1/guests.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    )


def _unreadable(request: HttpRequest, error: HttpError | type[HttpError]) -> HttpResponse:
    drain(request)
    status = error.status_code if isinstance(error, HttpError) else 400
    return as_response(Problem("bad-request", status, f"{error}.", do="Send a JSON object."))

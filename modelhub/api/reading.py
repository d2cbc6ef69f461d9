"""What the three views share: they only read, and they answer conditional requests."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import ParamSpec

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from foundation.problems import Problem

P = ParamSpec("P")


def reads_only(view: Callable[P, HttpResponseBase]) -> Callable[P, HttpResponseBase]:
    """Let GET and HEAD through; others raise Problem ``method-not-allowed``. Nothing here changes anything: no CSRF."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        request = args[0]
        method = request.method if isinstance(request, HttpRequest) else None
        if method not in {"GET", "HEAD"}:
            raise Problem(
                "method-not-allowed",
                405,
                f"{method} is not possible here.",
                allowed="GET, HEAD",
                do="Use GET.",
                headers={"Allow": "GET, HEAD"},
            )
        response = view(*args, **kwargs)
        return _without_body(response) if method == "HEAD" else response

    return csrf_exempt(checked)


def _without_body(response: HttpResponseBase) -> HttpResponseBase:
    """What GET says about its body, without the body: servers complain when they must drop one."""
    if isinstance(response, HttpResponse) and response.status_code == HTTPStatus.OK and response.content:
        response["Content-Length"] = str(len(response.content))
        response.content = b""
    return response

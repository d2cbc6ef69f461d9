"""Whoever reviews, leads or administers needs a second factor or a passkey, where REQUIRE_MFA is on."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from collector.domain import people
from foundation import accounts
from foundation.models import User
from foundation.problems import Problem, as_page, as_response, wants_json

GOING_TO = "going_to"  # in the session: where somebody was led away from
# Open without a factor: signing in and out, one's own account, what needs no session at all. Everything else is
# closed, so that a page added tomorrow is closed too.
OPEN = (
    "allauth.",
    "config.web.account.",
    "config.web.factors.",
    "config.web.health.",
    "modelhub.api.",
    "ninja.",
)


class SecondFactorMiddleware:
    """Leads a person with a role and without a factor to where one is set up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Nothing before the view is known."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponse | None:
        """Called by Django. A script gets a Problem, a person the page that explains."""
        if not settings.REQUIRE_MFA or f"{view.__module__}.".startswith(OPEN):
            return None
        if not lacks_factor(request):
            request.session.pop(GOING_TO, None)
            return None
        if request.method == "GET" and not wants_json(request):
            request.session[GOING_TO] = request.get_full_path()
            return HttpResponseRedirect(reverse("factor_needed"))
        problem = Problem(
            "second-factor-needed",
            403,
            "Your role needs a second factor or a passkey.",
            do="Add one on your account page, then try again.",
        )
        return as_response(problem) if wants_json(request) else as_page(problem, request)


def lacks_factor(request: HttpRequest) -> bool:
    """Whether this person has a role that needs a factor, and none."""
    user = request.user
    return isinstance(user, User) and not accounts.has_factor(user) and people.has_role(user)


@require_GET
@login_required
@never_cache
def show_needed(request: HttpRequest) -> HttpResponse:
    """Says why, and offers the two ways."""
    return render(request, "config/factor_needed.html")

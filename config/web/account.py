"""Your account: ways to sign in, devices and sessions, what you agreed to, taking it along, leaving."""

import uuid
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from collector.domain import consents, devices, erasures, exports, people
from collector.domain.people import Person
from config.web.browsers import say_browser
from foundation import accounts
from foundation.models import User
from foundation.problems import Problem


@require_GET
@login_required
@never_cache
def show_account(request: HttpRequest) -> HttpResponse:
    """Everything on one page, in the same number of queries however many devices."""
    person = _person(request)
    export = exports.find_latest(person)
    page = {
        "factors": accounts.factors_of(_user(request)),
        "sessions": [(one, say_browser(one.user_agent)) for one in accounts.sessions_of(_user(request))],
        "session_key": request.session.session_key,
        "export": export,
        "export_state": exports.say_state(export) if export else "",
        **_describe_volunteer(person),
    }
    return render(request, "config/account.html", page)


@require_POST
@login_required
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign another browser out."""
    if accounts.end_session(_user(request), session_id):
        messages.success(request, "That session is signed out.")
    return redirect("account")


@require_POST
@login_required
def revoke_device(request: HttpRequest, device_id: int) -> HttpResponse:
    """Sign a phone out."""
    volunteer = _person(request).volunteer
    if volunteer is None:
        raise Problem("unknown-device", 404, f"You have no device {device_id}.", do="Reload the page.")
    devices.revoke_device(volunteer, device_id)
    messages.success(request, "That device is signed out.")
    return redirect("account")


@require_POST
@login_required
def ask_export(request: HttpRequest) -> HttpResponse:
    """Have the zip made."""
    exports.ask_export(_person(request))
    return redirect("account")


@require_GET
@login_required
@never_cache
def download_export(request: HttpRequest, export_id: uuid.UUID) -> FileResponse:
    """The zip, for its owner."""
    file = exports.open_export(exports.get_export(_person(request), export_id))
    headers = {"Cache-Control": "private, no-store"}
    return FileResponse(
        file, as_attachment=True, filename="daybreak.zip", content_type="application/zip", headers=headers
    )


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]  # allauth's
def erase_account(request: HttpRequest) -> HttpResponse:
    """Ask once more, then erase everything and show the receipt."""
    if request.method == "GET":
        return render(request, "config/account_erase.html", _describe_volunteer(_person(request)))
    if request.POST.get("confirm") != "on":
        messages.error(request, "Nothing was erased: the box was not ticked.")
        return redirect("account_erase")
    erasure = erasures.ask_erasure(_person(request))
    request.session.flush()
    return redirect("account_erased", erasure.pk)


@require_GET
@never_cache
def show_receipt(request: HttpRequest, erasure_id: uuid.UUID) -> HttpResponse:
    """The receipt: dates and a number of photos, no name."""
    return render(request, "config/account_erased.html", {"erasure": erasures.get_erasure(erasure_id)})


def _describe_volunteer(person: Person) -> dict[str, Any]:
    volunteer = person.volunteer
    if volunteer is None:
        return {"devices": [], "photo_count": 0, "consent": None}
    return {
        "devices": devices.devices_of(volunteer),
        "photo_count": volunteer.photos.exclude(state="deleted").count(),
        "consent": consents.latest_consent(volunteer),
    }


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 -- login_required says so; this is for mypy
    return request.user


def _person(request: HttpRequest) -> Person:
    return people.person_of_user(_user(request))

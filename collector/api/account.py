"""The person behind the phone: their account, devices, consents, and how they take everything with them."""

import datetime as dt
from uuid import UUID

from allauth.headless.contrib.ninja.security import x_session_token_auth
from django.http import FileResponse, HttpRequest, HttpResponse
from ninja import Router, Status

from collector.api.access import VolunteerToken, device_of, refuse_unknown_query, volunteer_of
from collector.api.schemas import (
    ConsentIn,
    ConsentOut,
    ConsentTextOut,
    DeviceOut,
    ErasureIn,
    ErasureOut,
    ExportOut,
    ProblemOut,
    VolunteerOut,
)
from collector.domain import consents, devices, erasures, exports, joining, people
from collector.models import Device, Erasure, Export
from foundation.models import User
from foundation.problems import Problem

router = Router(auth=VolunteerToken(), tags=["account"])
SESSION = {
    "parameters": [
        {
            "in": "header",
            "name": "X-Session-Token",
            "required": True,
            "schema": {"type": "string"},
            "description": "The session of the account, as signing in returned it.",
        }
    ]
}


@router.post(
    "/volunteer/account",
    response={200: VolunteerOut, frozenset({400, 401, 409, 410}): ProblemOut},
    openapi_extra=SESSION,
)
def join_account(request: HttpRequest, response: HttpResponse) -> VolunteerOut:
    """Let this device speak for the signed-in account; its photos move along. Repeating it is fine."""
    refuse_unknown_query(request)
    user = x_session_token_auth(request)
    if not isinstance(user, User):
        raise Problem(
            "account-session-needed",
            401,
            "The request carries no session of an account.",
            do="Sign in, then send its token as X-Session-Token.",
        )
    volunteer = joining.join_account(device_of(request), user)
    response["Cache-Control"] = "no-store"
    return VolunteerOut(volunteer=volunteer.pk, email=user.email)


@router.get("/devices", response={200: list[DeviceOut], frozenset({400, 401}): ProblemOut})
def list_devices(request: HttpRequest, response: HttpResponse) -> list[DeviceOut]:
    """The devices that may speak for this volunteer."""
    refuse_unknown_query(request)
    response["Cache-Control"] = "no-store"
    current = device_of(request)
    return [_describe_device(device, current) for device in devices.devices_of(current.volunteer)]


@router.delete("/devices/{device_id}", response={204: None, frozenset({400, 401, 404}): ProblemOut})
def revoke_device(request: HttpRequest, device_id: int) -> Status[None]:
    """Sign a device out, this one too. Its token gets 401 from the next request on."""
    refuse_unknown_query(request)
    devices.revoke_device(volunteer_of(request), device_id)
    return Status(204, None)


@router.get("/consents/current", auth=None, response={200: ConsentTextOut, 400: ProblemOut})
def get_current_consent(request: HttpRequest, response: HttpResponse) -> ConsentTextOut:
    """The text to agree to now. Open to all: people read before they agree."""
    refuse_unknown_query(request)
    text = consents.current_text()
    response["Cache-Control"] = "max-age=60"
    return ConsentTextOut(version=text.version, text=text.body, published_at=text.published_at)


@router.post("/consents", response={200: ConsentOut, frozenset({400, 401}): ProblemOut})
def agree(request: HttpRequest, response: HttpResponse, consent: ConsentIn) -> ConsentOut:
    """Agree to the current text. Repeating it is fine: the first time is the proof."""
    refuse_unknown_query(request)
    agreed = consents.agree(volunteer_of(request), consents.get_current_text(consent.version))
    response["Cache-Control"] = "no-store"
    return ConsentOut(version=agreed.text.version, agreed_at=agreed.agreed_at)


@router.post("/exports", response={202: ExportOut, frozenset({400, 401, 403, 410}): ProblemOut})
def ask_export(request: HttpRequest, response: HttpResponse) -> Status[ExportOut]:
    """Have everything held about this volunteer put into a zip."""
    refuse_unknown_query(request)
    export = exports.ask_export(_person(request))
    response["Cache-Control"] = "no-store"
    return Status(202, _describe_export(export))


@router.get("/exports/{export_id}", response={200: ExportOut, frozenset({400, 401, 403, 404}): ProblemOut})
def get_export(request: HttpRequest, response: HttpResponse, export_id: UUID) -> ExportOut:
    """How far it is."""
    refuse_unknown_query(request)
    export = exports.get_export(_person(request), export_id)
    response["Cache-Control"] = "no-store"
    return _describe_export(export)


@router.get(
    "/exports/{export_id}/file",
    response={200: bytes, frozenset({400, 401, 403, 404, 409}): ProblemOut},
    openapi_extra={"responses": {200: {"content": {"application/zip": {}}}}},
)
def download_export(request: HttpRequest, export_id: UUID) -> FileResponse:
    """The zip."""
    refuse_unknown_query(request)
    file = exports.open_export(exports.get_export(_person(request), export_id))
    headers = {"Cache-Control": "private, no-store"}
    return FileResponse(
        file, as_attachment=True, filename="daybreak.zip", content_type="application/zip", headers=headers
    )


@router.post("/erasures", response={202: ErasureOut, frozenset({400, 401, 403}): ProblemOut})
def ask_erasure(request: HttpRequest, response: HttpResponse, order: ErasureIn) -> Status[ErasureOut]:
    """Erase everything and sign out everywhere. There is no way back; the answer is the receipt."""
    refuse_unknown_query(request)
    if not order.erase_everything:
        raise Problem(
            "not-confirmed",
            400,
            "Erasing everything was not confirmed.",
            allowed='{"erase_everything": true}',
            do="Ask the person, then confirm it.",
        )
    erasure = erasures.ask_erasure(_person(request))
    response["Cache-Control"] = "no-store"
    return Status(202, _describe_erasure(erasure))


@router.get("/erasures/{erasure_id}", auth=None, response={200: ErasureOut, frozenset({400, 404}): ProblemOut})
def get_erasure(request: HttpRequest, response: HttpResponse, erasure_id: UUID) -> ErasureOut:
    """The receipt. It names nobody, so whoever knows its number may see it."""
    refuse_unknown_query(request)
    response["Cache-Control"] = "no-store"
    return _describe_erasure(erasures.get_erasure(erasure_id))


def _person(request: HttpRequest) -> people.Person:
    """For what concerns everything at once: a phone's token is too little where somebody has a role."""
    person = people.person_of_device(device_of(request))
    people.require_no_role(person)
    return person


def _describe_device(device: Device, current: Device) -> DeviceOut:
    return DeviceOut(
        device=device.pk,
        name=device.name,
        created_at=device.created_at,
        last_seen_on=device.last_seen_on,
        is_current=device.pk == current.pk,
    )


def _describe_export(export: Export) -> ExportOut:
    export.refresh_from_db()
    return ExportOut(
        export=export.pk,
        state=exports.say_state(export),
        photos_done=export.photos_done,
        photos_total=export.photos_total,
        size_bytes=export.size_bytes,
        asked_at=export.asked_at,
        expires_at=export.expires_at,
    )


def _describe_erasure(erasure: Erasure) -> ErasureOut:
    erasure.refresh_from_db()
    finished: dt.datetime | None = erasure.finished_at
    return ErasureOut(erasure=erasure.pk, photos=erasure.photos, asked_at=erasure.asked_at, finished_at=finished)

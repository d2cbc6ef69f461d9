"""Volunteers start as guests."""

from django.http import HttpRequest, HttpResponse
from ninja import Router, Status

from collector.api.access import refuse_unknown_query
from collector.api.limits import limit_guest
from collector.api.schemas import GuestIn, GuestOut, ProblemOut
from collector.domain import guests

router = Router(tags=["guests"])


@router.post("/guests", response={201: GuestOut, frozenset({400, 429}): ProblemOut})
def post_guest(request: HttpRequest, response: HttpResponse, guest: GuestIn) -> Status[GuestOut]:
    """Agree to the consent text and get a token, this once."""
    limit_guest(request)
    refuse_unknown_query(request)
    device, token = guests.register_guest(guest.consent_version, guest.device)
    response["Cache-Control"] = "no-store"
    return Status(201, GuestOut(volunteer=device.volunteer_id, token=token))

"""Who asks, and whether they ask only what there is to ask."""

from typing import cast

from django.http import HttpRequest
from ninja import Schema
from ninja.security import HttpBearer

from collector.domain import devices
from collector.models import Device, Volunteer
from foundation.problems import Problem


class VolunteerToken(HttpBearer):
    """``Authorization: Bearer TOKEN``, with the token a guest was given."""

    def authenticate(self, request: HttpRequest, token: str) -> Device | None:  # noqa: ARG002 -- Ninja's signature
        """The device, or None, which Ninja answers with 401."""
        return devices.find_device(token)


def device_of(request: HttpRequest) -> Device:
    """The device that VolunteerToken let in."""
    return cast("Device", request.auth)  # type: ignore[attr-defined]  # Ninja adds it


def volunteer_of(request: HttpRequest) -> Volunteer:
    """The volunteer it speaks for."""
    return device_of(request).volunteer


def refuse_unknown_query(request: HttpRequest, known: type[Schema] | None = None) -> None:
    """Raise Problem ``unknown-parameter`` for a query parameter that is not known, or is there twice.

    A misspelt parameter that was ignored would lose what the sender meant, silently and for ever.
    """
    allowed = list(known.model_fields) if known else []
    for name, values in request.GET.lists():
        if name not in allowed or len(values) > 1:
            raise Problem(
                "unknown-parameter",
                400,
                f"The query parameter '{name[:60]}' is {'there twice' if name in allowed else 'not known'}.",
                allowed=", ".join(allowed) or "no query parameters",
                do="Leave it out.",
            )

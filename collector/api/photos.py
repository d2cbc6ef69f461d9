"""One photo is one idempotent request."""

import json
import math
import re
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router, Status
from ninja.responses import NinjaJSONEncoder

from collector.api.access import VolunteerToken, device_of, refuse_unknown_query, volunteer_of
from collector.api.body import announced_sha256, drain, read_chunks
from collector.api.limits import limit_upload
from collector.api.schemas import PhotoOut, PhotoQuery, PhotoUrls, ProblemOut, ReceiptOut
from collector.domain import appeals, challenges, consents, photos, projects, uploads
from collector.domain.receipts import Receipt
from collector.enums import PhotoState
from collector.models import Photo
from foundation.blobs import StorageFull
from foundation.problems import Problem

router = Router(auth=VolunteerToken(), tags=["photos"])
MAX_SCORES = 50
SCORE = re.compile(r"([a-z0-9_-]{1,60}):([0-9.eE+-]{1,24})")
BYTES = {"schema": {"type": "string", "format": "binary"}}
BODY = {
    "requestBody": {"required": True, "content": {f"image/{kind}": BYTES for kind in ("jpeg", "png", "webp", "heic")}},
    "parameters": [
        {
            "in": "header",
            "name": "Content-Digest",
            "required": True,
            "schema": {"type": "string"},
            "description": "`sha-256=:BASE64:` of the body (RFC 9530).",
        }
    ],
}
REFUSALS = frozenset({400, 401, 404, 409, 410, 411, 413, 415, 429, 503, 507})


@router.put("/photos/{photo_id}", response={200: ReceiptOut, 201: ReceiptOut, REFUSALS: ProblemOut}, openapi_extra=BODY)
def put_photo(
    request: HttpRequest, response: HttpResponse, photo_id: UUID, query: Query[PhotoQuery]
) -> Status[ReceiptOut]:
    """Store a photo under an id the phone chose. Sending it again is always right: the first receipt comes back."""
    try:
        receipt = _receive(request, photo_id, query)
    except Problem:
        drain(request)
        raise
    said = ReceiptOut.of(receipt)
    # An upload that ends while an iOS app is not running sees the headers but no body.
    response["Location"] = request.path
    response["Daybreak-Receipt"] = json.dumps(said.model_dump(), cls=NinjaJSONEncoder)
    response["Cache-Control"] = "no-store"
    if newer := consents.newer_version(volunteer_of(request)):  # a hint; the photo is kept under the text agreed to
        response["Daybreak-Consent"] = newer
    return Status(201 if receipt.is_new else 200, said)


@router.get("/photos/{photo_id}", response={200: PhotoOut, frozenset({400, 401, 404}): ProblemOut})
def get_photo(request: HttpRequest, response: HttpResponse, photo_id: UUID) -> PhotoOut:
    """How a photo of yours is doing."""
    refuse_unknown_query(request)
    photo = photos.get_photo_for(volunteer_of(request), photo_id)
    response["Cache-Control"] = "no-store"
    return PhotoOut(
        photo=photo.pk,
        project=photo.project.slug,
        label=photo.label.slug if photo.label else None,
        state=photo.state,
        reason=photos.say_reason(photo),
        reason_code=photos.find_reason(photo),
        appeal=appeals.find_answer(photo),
        received_at=photo.received_at,
        is_late=photo.is_late,
        urls=_urls(photo),
    )


@router.delete("/photos/{photo_id}", response={204: None, frozenset({400, 401, 404}): ProblemOut})
def delete_photo(request: HttpRequest, photo_id: UUID) -> Status[None]:
    """Erase a photo of yours for ever. Repeating it is fine."""
    refuse_unknown_query(request)
    photos.delete_photo(volunteer_of(request), photo_id)
    return Status(204, None)


def _receive(request: HttpRequest, photo_id: UUID, query: PhotoQuery) -> Receipt:
    limit_upload(request)
    refuse_unknown_query(request, PhotoQuery)
    try:
        project = projects.get_project(query.project)
        upload = uploads.Upload(
            photo_id=photo_id,
            project=project,
            sha256=announced_sha256(request),
            label=projects.get_label(project, query.label) if query.label else None,
            challenge=challenges.get_challenge(project, query.challenge) if query.challenge else None,
            captured_at=query.captured_at,
            release=query.release,
            scores=_parse_scores(query.scores),
            device=device_of(request),
        )
        return uploads.receive_photo(upload, read_chunks(request), by=volunteer_of(request))
    except StorageFull as error:
        raise _later("storage-full", 507, "The server has no room for photos at the moment.", 600) from error
    except (OperationalError, InterfaceError, OSError) as error:
        raise _later("unavailable", 503, "The server cannot store photos at the moment.", 30) from error


def _later(kind: str, status: int, detail: str, seconds: int) -> Problem:
    # Whether the row was written may be unknown here; the same request again finds out.
    later = {"Retry-After": str(seconds)}
    return Problem(kind, status, detail, do="Keep the photo and send it again later.", headers=later)


def _parse_scores(text: str) -> dict[str, float]:
    scores: dict[str, float] = {}
    for pair in filter(None, text.split(",")):
        found = SCORE.fullmatch(pair.strip())
        try:
            value = float(found.group(2)) if found else math.nan
        except ValueError:
            value = math.nan
        if found is None or not 0 <= value <= 1 or len(scores) >= MAX_SCORES:
            raise Problem(
                "invalid-parameter",
                400,
                f"The scores hold {pair[:60]!r}.",
                allowed=f"slug:probability pairs such as twenty:0.91, at most {MAX_SCORES}.",
                do="Correct them, or leave them out.",
                parameter="scores",
            )
        scores[found.group(1)] = value
    return scores


def _urls(photo: Photo) -> PhotoUrls | None:
    if photo.normalised_at is None or photo.state == PhotoState.DELETED:
        return None
    normalised, thumbnail = (reverse("photo_image", args=[photo.pk, kind]) for kind in ("normalised", "thumbnail"))
    return PhotoUrls(normalised=normalised, thumbnail=thumbnail)

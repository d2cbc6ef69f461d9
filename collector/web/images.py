"""A photo's pixels, for its owner and the project's reviewers; nobody else learns even that it exists."""

import uuid

from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from collector.domain import devices, photos
from collector.models import Volunteer
from foundation import blobs
from foundation.problems import Problem

KEYS = {"normalised": photos.normalised_key, "thumbnail": photos.thumbnail_key}
HEADERS = {
    # No copy in any cache: who may see a photo can change, and an erased photo must be gone.
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    # Opened by itself, the answer may do nothing but be looked at.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@require_safe
def show_image(request: HttpRequest, photo_id: uuid.UUID, kind: str) -> FileResponse:
    """Stream the normalised photo or its thumbnail, a JPEG."""
    if kind not in KEYS:
        raise Http404
    try:
        photo = photos.get_viewable_photo(photo_id, user=request.user, volunteer=_bearer(request))
        pixels = blobs.open(KEYS[kind](photo.pk))
    except (Problem, blobs.BlobMissing) as error:  # not yours, or not normalised yet: the same answer
        raise Http404 from error
    return FileResponse(pixels, content_type="image/jpeg", filename=f"{photo.pk}.jpg", headers=HEADERS)


def _bearer(request: HttpRequest) -> Volunteer | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    device = devices.find_device(token.strip()) if scheme.lower() == "bearer" else None
    return device.volunteer if device else None

"""How much one volunteer, or one network address, may ask in a time. The numbers are settings."""

import math

from django.conf import settings
from django.http import HttpRequest

from collector.api.access import volunteer_of
from collector.domain.uploads import MAX_BYTES
from foundation import limiting
from foundation.clients import network_of


def limit_upload(request: HttpRequest) -> None:
    """Count a photo and its megabytes. Raises Problem ``too-many-requests``."""
    volunteer = str(volunteer_of(request).pk)
    limiting.charge("photos", volunteer, settings.LIMIT_UPLOADS)
    announced = request.headers.get("Content-Length", "")
    size_bytes = min(int(announced), MAX_BYTES) if announced.isdecimal() else MAX_BYTES
    limiting.charge("megabytes", volunteer, settings.LIMIT_UPLOAD_MB, cost=max(1, math.ceil(size_bytes / 1e6)))


def limit_reconcile(request: HttpRequest) -> None:
    """Count a question about photos. Raises Problem ``too-many-requests``."""
    limiting.charge("questions", str(volunteer_of(request).pk), settings.LIMIT_RECONCILES)


def limit_guest(request: HttpRequest) -> None:
    """Count a new guest of this network address. Raises Problem ``too-many-requests``."""
    limiting.charge("new guests", network_of(request), settings.LIMIT_GUESTS)

"""Accepted photos as they come from the database, a few at a time, under the names they have outside it."""

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

from collector.domain import photos as collected
from collector.enums import LabelState
from collector.models import Project
from training.domain.seen import pseudonym
from training.domain.shifts import Shift

ROWS_AT_ONCE = 2000


def accepted_rows(shift: Shift, project: Project) -> Iterator[tuple[Any, ...]]:
    """Accepted photos of live labels: an id, and then the fields of ``Seen`` after its name."""
    accepted = collected.accepted_photos(project).filter(label__state=LabelState.LIVE).order_by()
    names = ("normalised_sha256", "label__slug", "volunteer_id", "volunteer__is_known", "look_hash", "captured_at")
    rows = accepted.annotate(is_judged=collected.are_pixels_judged()).values_list(
        "pk", *names, "pinned_split", "is_judged"
    )
    name_volunteer = cache(partial(pseudonym, project.split_secret, "volunteer"))  # few beside their photos
    for photo_id, sha256, label, volunteer, is_known, look_hash, captured_at, pinned, is_judged in rows.iterator(
        chunk_size=ROWS_AT_ONCE
    ):
        shift.beat()
        at = captured_at.timestamp() if captured_at else None
        yield photo_id, sha256, label, name_volunteer(volunteer), is_known, look_hash, at, pinned, is_judged

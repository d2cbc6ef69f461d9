"""Accepted photos as rows and blobs, without the normaliser: for tests of what happens after it."""

import hashlib
import random
import uuid
from typing import Any

from collector.domain import photos, projects
from collector.enums import PhotoState, ReviewAction
from collector.models import Photo, Project, Review, Volunteer
from foundation import blobs
from foundation.models import User


def make_project(slug: str = "notes", labels: tuple[str, ...] = ("five", "ten"), **fields: Any) -> Project:
    """A project with live labels."""
    fields = {"min_golden_per_label": 4, "pretrained": "scratch", **fields}
    return projects.create_project(
        slug, name=slug.title(), labels=[(label, label.title()) for label in labels], **fields
    )


def make_volunteers(count: int, *, is_known: bool = True) -> list[Volunteer]:
    """Volunteers without a token."""
    return [Volunteer.objects.create(is_known=is_known) for _ in range(count)]


def accept(
    project: Project, volunteer: Volunteer, label: str, count: int = 1, *, is_stored: bool = False, **fields: Any
) -> list[Photo]:
    """So many accepted photos, no two alike; their bytes too where asked."""
    return [_accept_one(project, volunteer, label, fields, is_stored=is_stored) for _ in range(count)]


def accept_plenty(
    project: Project,
    labels: tuple[str, ...] = ("five", "ten"),
    each: int = 3,
    volunteers: int = 10,
    *,
    is_stored: bool = False,
) -> None:
    """Enough for a snapshot: every volunteer photographs every label."""
    for volunteer in make_volunteers(volunteers):
        for label in labels:
            accept(project, volunteer, label, each, is_stored=is_stored)


def _accept_one(
    project: Project, volunteer: Volunteer, label: str, fields: dict[str, Any], *, is_stored: bool
) -> Photo:
    photo_id = uuid.uuid4()
    data = b"pixels of " + photo_id.bytes
    if is_stored:
        blobs.write(photos.normalised_key(photo_id), data)
    row = {
        "state": PhotoState.ACCEPTED,
        "label": projects.get_label(project, label),
        "media_type": "image/jpeg",
        "size_bytes": len(data),
        "sha256": hashlib.sha256(photo_id.bytes).hexdigest(),
        "normalised_sha256": hashlib.sha256(data).hexdigest(),
        "look_hash": f"{random.Random(photo_id.int).getrandbits(256):064x}",
        **fields,
    }
    photo = Photo.objects.create(id=photo_id, project=project, volunteer=volunteer, **row)
    judge(photo)
    return photo


def judge(photo: Photo) -> None:
    """The review that accepted the photo's pixels as they are now."""
    reviewer, _ = User.objects.get_or_create(email="reviewer@example.org")
    Review.objects.create(
        photo=photo,
        reviewer=reviewer,
        action=ReviewAction.ACCEPT,
        label=photo.label,
        normalised_sha256=photo.normalised_sha256,
    )

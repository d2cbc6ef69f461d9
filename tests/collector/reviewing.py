"""What the tests of review start from: photos that look like no other, and decisions as the page sends them."""

import itertools
import random
import uuid
from typing import Any

from PIL import Image, ImageDraw

from collector.domain import decisions
from collector.domain.decisions import Outcome, Verdict
from collector.enums import PhotoState, ReviewAction
from collector.models import Challenge, Photo, Project
from foundation.models import User
from tests.collector.conftest import Phone, encode, send_photo


def patchwork() -> bytes:
    """A picture that looks like no other: two photos of it never share a stack."""
    image, chance = Image.new("RGB", (160, 120)), random.Random(uuid.uuid4().int)
    pen = ImageDraw.Draw(image)
    for x, y in itertools.product(range(0, 160, 20), range(0, 120, 20)):
        pen.rectangle((x, y, x + 19, y + 19), fill=(chance.randrange(20, 235),) * 3)
    return encode(image, quality=85)


def shoot(phone: Phone, label: str | None = "five", challenge: Challenge | None = None, slug: str = "notes") -> Photo:
    """A photo of its own stack, waiting for review."""
    return send_photo(phone, patchwork(), label, slug, challenge)


def shoot_burst(phone: Phone, count: int, label: str = "five", challenge: Challenge | None = None) -> list[Photo]:
    """Photos of one moment: one stack, and the one on top is the first of the list."""
    data = patchwork()
    sent = [send_photo(phone, data, label, "notes", challenge) for _ in range(count)]
    now = Photo.objects.in_bulk([photo.pk for photo in sent])
    assert len({photo.stack for photo in now.values()}) == 1
    return sorted(now.values(), key=lambda photo: (not photo.is_top, photo.received_at))


def accept(photo: Photo, **more: Any) -> Verdict:
    return Verdict(photo.pk, ReviewAction.ACCEPT, **more)


def reject(photo: Photo, reason: str = "not_visible", **more: Any) -> Verdict:
    return Verdict(photo.pk, ReviewAction.REJECT, reason=reason, **more)


def relabel(photo: Photo, label: str = "ten", **more: Any) -> Verdict:
    return Verdict(photo.pk, ReviewAction.RELABEL, label=label, **more)


def decide(*verdicts: Verdict, by: User, decision: uuid.UUID | None = None, again: bool = False) -> list[Outcome]:
    """One decision on photos of the notes."""
    project = Project.objects.get(slug="notes")
    return decisions.decide(project, decision or uuid.uuid4(), verdicts, by=by, again=again)


def taken(*verdicts: Verdict, by: User, again: bool = False) -> uuid.UUID:
    """The id of a decision, every verdict of which was taken."""
    decision = uuid.uuid4()
    assert kinds(decide(*verdicts, by=by, decision=decision, again=again)) == [""] * len(verdicts)
    return decision


def kinds(outcomes: list[Outcome]) -> list[str]:
    """The problem of each verdict; empty where it was taken."""
    return [outcome.problem.kind if outcome.problem else "" for outcome in outcomes]


def states(*photos: Photo) -> list[PhotoState]:
    """As they stand in the database now."""
    now = Photo.objects.in_bulk([photo.pk for photo in photos])
    return [PhotoState(now[photo.pk].state) for photo in photos]

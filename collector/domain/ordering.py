"""Which waiting photo is worth a look first.

``value`` = 0.45 disagreement + 0.35 need + 0.20 novelty - age key, each part 0 to 1. The age key is the day the photo
was received, counted from 2026 in units of 30 days: a constant of the photo, so an index can hold the order, and a
photo that has waited 30 days longer is worth 1 more, as much as the best photo is worth more than the worst.

- disagreement: 1 - the probability the phone's model gave the claimed label; without a claim, how undecided it was
  between its two best answers; 0.5 where it said nothing or does not know the label yet.
- need: 1 where no photo of that label was accepted, 0 from 200 on; where the challenge asks for conditions, that of the
  rarest of them with this label.
- novelty: the bits (of 64, at most 32 count) in which it differs from the nearest of the volunteer's latest photos
  and of near-duplicates in the project, as a share of 32.

About one photo in twenty is blind: its value is drawn by lot instead, and no model's opinion is shown with it, so that
the ordering and the reviewers can be measured against chance.
"""

import datetime as dt
import uuid
from typing import Any

from django.db.models import Case, F, Max, Min, Q, QuerySet, When
from django.utils.crypto import salted_hmac

from collector.domain import coverage
from collector.enums import LabelState, PhotoState
from collector.models import Photo, Project

DISAGREEMENT, NEED, NOVELTY = 0.45, 0.35, 0.20
FIRST_DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAYS_WORTH_ONE = 30
FAR_BITS = 32  # two photos that have nothing in common differ in half of the 64
BLIND_SHARE = 0.05
UNKNOWN = 0.5
MOVED = 0.1  # a smaller change of need is not worth writing rows for


def rate(photo: Photo, nearest: int | None) -> dict[str, Any]:
    """The fields that order a photo which is about to wait for review. Its label and challenge are in it already."""
    parts = {
        "disagreement": _disagreement(photo),
        "need": coverage.need_of(photo.project_id, photo.claimed_label_id, photo.challenge_id),
        "novelty": 1.0 if nearest is None else min(nearest, FAR_BITS) / FAR_BITS,
    }
    blind = is_blind(photo.pk)
    weighed = DISAGREEMENT * parts["disagreement"] + NEED * parts["need"] + NOVELTY * parts["novelty"]
    worth = _lot(photo.pk)[1] if blind else weighed
    return {**parts, "is_blind": blind, "value": worth - age_key(photo.received_at)}


def is_blind(photo_id: uuid.UUID) -> bool:
    """Whether the photo belongs to the blind slice. The phone chooses the id, but does not know the key."""
    return _lot(photo_id)[0] < BLIND_SHARE


def age_key(received_at: dt.datetime) -> float:
    """What being received late costs."""
    return (received_at - FIRST_DAY) / dt.timedelta(days=DAYS_WORTH_ONE)


def refresh_needs(project: Project) -> int:
    """Bring the need of the project's waiting photos up to date where it moved; returns how many were written.

    One statement for each label and challenge whose photos' need moved by more than a tenth.
    """
    waiting = Photo.objects.filter(project=project, state=PhotoState.AWAITING_REVIEW).order_by()
    groups = waiting.values_list("claimed_label_id", "challenge_id").annotate(low=Min("need"), high=Max("need"))
    before = {(label, challenge): (low, high) for label, challenge, low, high in groups}
    written = 0
    for (label, challenge), need in coverage.needs(project, before).items():
        low, high = before[label, challenge]
        if max(need - low, high - need) > MOVED:
            written += _move(waiting.filter(claimed_label=label, challenge=challenge), need)
    return written


def _move(waiting: QuerySet[Photo], need: float) -> int:
    moved = waiting.filter(Q(need__gt=need + MOVED) | Q(need__lt=need - MOVED))
    value = Case(When(is_blind=True, then=F("value")), default=F("value") + NEED * (need - F("need")))
    return moved.update(value=value, need=need)


def _disagreement(photo: Photo) -> float:
    scores, label = photo.scores, photo.claimed_label
    if not scores:
        return UNKNOWN
    if label is None:
        best, second = sorted((*scores.values(), 0.0, 0.0), reverse=True)[:2]
        return float(1 - (best - second))
    if label.slug not in scores and label.state != LabelState.LIVE:
        return UNKNOWN
    return float(1 - scores.get(label.slug, 0.0))


def _lot(photo_id: uuid.UUID) -> tuple[float, float]:
    """Two numbers from 0 to 1, always the same ones for a photo."""
    digest = salted_hmac("collector.ordering.blind", photo_id.bytes, algorithm="sha256").digest()
    return int.from_bytes(digest[:8]) / 2**64, int.from_bytes(digest[8:16]) / 2**64

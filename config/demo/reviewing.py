"""The demo's reviewer: looks at the photos as the review page would show them, and decides by the same functions."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from collector.domain import decisions
from collector.enums import PhotoState, RejectReason, ReviewAction
from collector.models import Photo, Project
from config.demo.bars import Step
from config.demo.guests import Sent
from foundation.models import User

BY_HAND = 30  # honest photos that are looked at one by one, besides every mistake; the others are accepted in bulk
LOOK_EVERY_S = 0.3
STUCK_S = 180.0  # without a single photo normalised, something is broken


class StuckError(RuntimeError):
    """The workers do not normalise photos any more."""


@dataclass
class Tally:
    """How the decisions went."""

    accepted: int = 0
    relabelled: int = 0
    rejected: int = 0


def wait_until_normalised(project: Project, step: Step) -> None:
    """Until no photo of the project waits for the normaliser. Raises ``StuckError``."""
    left, since = -1, time.monotonic()
    while True:
        now = Photo.objects.filter(project=project, state=PhotoState.RECEIVED).count()
        step.reach(max(0, step.total - now))
        if now == 0:
            return
        if now != left:
            left, since = now, time.monotonic()
        elif time.monotonic() - since > STUCK_S:
            raise StuckError(f"{now} photos have waited {STUCK_S:.0f} s for the worker that normalises them")
        time.sleep(LOOK_EVERY_S)


def sort_for_review(sent: Sequence[Sent]) -> tuple[list[Sent], list[Sent]]:
    """(photos a person should look at: every mistake and some others; photos to accept in bulk)."""
    doubtful = [one for one in sent if _needs_care(one)]
    clear = [one for one in sent if not _needs_care(one)]
    return doubtful + clear[:BY_HAND], clear[BY_HAND:]


def decide(project: Project, sent: Sequence[Sent], reviewer: User, step: Step) -> Tally:
    """Decides on each photo as somebody would who sees what it shows, by what the review page calls."""
    tally = Tally()
    for one in sent:
        decision = _decision(one)
        decisions.take_decision(project, decision, by=reviewer)
        tally.accepted += decision.action == ReviewAction.ACCEPT
        tally.relabelled += decision.action == ReviewAction.RELABEL
        tally.rejected += decision.action == ReviewAction.REJECT
        step.advance()
    return tally


def _needs_care(one: Sent) -> bool:
    return one.shot.is_spoiled or one.shot.claimed != one.shot.label


def _decision(one: Sent) -> decisions.Decision:
    if one.shot.is_spoiled:
        return decisions.Decision(ReviewAction.REJECT, one.photo_id, reason=RejectReason.NOT_VISIBLE)
    if one.shot.claimed != one.shot.label:
        return decisions.Decision(ReviewAction.RELABEL, one.photo_id, label=one.shot.label)
    return decisions.Decision(ReviewAction.ACCEPT, one.photo_id)

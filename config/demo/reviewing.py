"""The demo's reviewer: looks at the photos as the review page would show them, and decides by the same functions."""

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collector.domain import decisions
from collector.domain.decisions import Verdict
from collector.enums import PhotoState, RejectReason, ReviewAction
from collector.models import Photo, Project
from config.demo.bars import Step
from config.demo.guests import Sent
from foundation.models import User

BY_HAND = 30  # honest photos that are looked at one by one, besides every mistake; the others are accepted in bulk
SCREEN = 60  # photos decided together
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
    for screen in batched(sent, SCREEN):
        verdicts = [_verdict(one) for one in screen]
        for outcome in decisions.decide(project, uuid.uuid4(), verdicts, by=reviewer):
            if outcome.problem is not None:
                raise outcome.problem
            tally.accepted += outcome.verdict.action == ReviewAction.ACCEPT
            tally.relabelled += outcome.verdict.action == ReviewAction.RELABEL
            tally.rejected += outcome.verdict.action == ReviewAction.REJECT
            step.advance()
    return tally


def batched(sent: Sequence[Sent], size: int) -> Iterator[Sequence[Sent]]:
    """Screen after screen, as the grid shows them."""
    for at in range(0, len(sent), size):
        yield sent[at : at + size]


def _needs_care(one: Sent) -> bool:
    return one.shot.is_spoiled or one.shot.claimed != one.shot.label


def _verdict(one: Sent) -> Verdict:
    if one.shot.is_spoiled:
        return Verdict(one.photo_id, ReviewAction.REJECT, reason=RejectReason.NOT_VISIBLE)
    if one.shot.claimed != one.shot.label:
        return Verdict(one.photo_id, ReviewAction.RELABEL, label=one.shot.label)
    return Verdict(one.photo_id, ReviewAction.ACCEPT)

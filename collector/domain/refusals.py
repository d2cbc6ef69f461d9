"""What is said to a reviewer whose verdict cannot be taken."""

import uuid
from collections.abc import Iterable

from collector.enums import DECIDED, PhotoState, RejectReason, ReviewAction
from collector.models import Label, Photo, Review
from foundation.problems import Problem

# Stands for ``not_waiting`` until there is time to look up who was quicker.
NOT_WAITING = Problem("not-awaiting-review", 409, "This photo does not wait for a decision.")


def last_reviews(photo_ids: Iterable[uuid.UUID]) -> Iterable[Review]:
    """The newest decision on each of these photos."""
    decided = Review.objects.filter(photo__in=list(photo_ids)).exclude(action=ReviewAction.UNDO)
    return decided.select_related("reviewer", "label").order_by("photo", "-pk").distinct("photo")


def not_waiting(photo: Photo, last: Review | None) -> Problem:
    """Somebody was quicker, or the photo cannot be reviewed at all."""
    if last is None or photo.state not in DECIDED:
        return Problem(
            "not-awaiting-review",
            409,
            f"This photo cannot be reviewed: it is {PhotoState(photo.state).label.lower()}.",
            do="Go on with the next photo.",
            state=photo.state,
        )
    done = {"accept": "accepted", "relabel": "relabelled", "reject": "rejected"}[last.action]
    what = last.get_reason_display() if last.action == ReviewAction.REJECT else last.label
    return Problem(
        "already-reviewed",
        409,
        f"{last.reviewer} has already {done} this photo ({what}).",
        do="Go on with the next photo.",
        state=photo.state,
    )


def unknown_reason(reason: str) -> Problem:
    """A reason that is none of the fixed ones."""
    return Problem(
        "unknown-reason",
        400,
        f"There is no reason '{reason}' to reject a photo.",
        allowed=", ".join(RejectReason.values),
        do="Use one of these.",
    )


def unknown_label(slug: str, known: Iterable[str]) -> Problem:
    """A label the project does not have."""
    return Problem(
        "unknown-label",
        404,
        f"There is no label '{slug}'.",
        allowed=", ".join(known) or "This project has no labels yet.",
        do="Use one of these labels.",
    )


def label_missing() -> Problem:
    """Nobody said what the photo shows."""
    return Problem("label-missing", 400, "This photo has no label yet.", do="Choose a label; that accepts it as well.")


def retired_label(label: Label) -> Problem:
    """The label is not taught any more."""
    return Problem(
        "retired-label", 400, f"The label '{label}' is retired.", do="Choose another label, or reject the photo."
    )


def too_many_photos(count: int, most: int) -> Problem:
    """One decision locks its photos, so there is an end to how many."""
    return Problem(
        "too-many-photos",
        400,
        f"One decision was to be about {count} photos.",
        allowed=f"At most {most}.",
        do="Decide on fewer at a time.",
    )


def other_decision() -> Problem:
    """The id was chosen before, by another reviewer."""
    return Problem(
        "other-decision", 409, "Somebody else's decision has this id.", do="Choose a new id for each decision."
    )

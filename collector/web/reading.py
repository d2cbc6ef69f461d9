"""What the review page's script sends, read and checked before anything is done with it."""

import json
import uuid
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from collector.domain.decisions import MOST, Verdict
from collector.enums import ReviewAction
from foundation.problems import Problem

Shape = TypeVar("Shape", bound=BaseModel)


@dataclass(frozen=True)
class Sent:
    """One decision as it came."""

    decision: uuid.UUID
    verdicts: list[Verdict]
    again: bool


class VerdictIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    photo: uuid.UUID
    action: ReviewAction
    label: str = Field("", max_length=60)
    reason: str = Field("", max_length=24)
    condition_holds: bool = True
    also: list[uuid.UUID] = Field(default_factory=list, max_length=MOST)


class DecisionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    decision: uuid.UUID
    verdicts: list[VerdictIn] = Field(min_length=1, max_length=MOST)
    again: bool = False


class UndoIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    decision: uuid.UUID


def read_decision(body: bytes) -> Sent:
    """Raises Problem ``malformed-decision``, which says what was expected."""
    sent = _read(DecisionIn, body)
    verdicts = [Verdict(**{**one.model_dump(), "also": tuple(one.also)}) for one in sent.verdicts]
    if any(one.action == ReviewAction.UNDO for one in verdicts):
        raise _malformed("an undo has an address of its own")
    return Sent(sent.decision, verdicts, sent.again)


def read_undo(body: bytes) -> uuid.UUID:
    """The decision to take back. Raises Problem ``malformed-decision``."""
    return _read(UndoIn, body).decision


def read_uuid(text: str) -> uuid.UUID:
    """Raises Problem ``malformed-id``."""
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Problem(
            "malformed-id", 400, f"{text[:60]!r} is not the id of a photo.", allowed="a UUID", do="Reload the page."
        ) from error


def read_count(text: str, *, most: int) -> int:
    """A number of photos. Raises Problem ``invalid-filter``."""
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise Problem("invalid-filter", 400, f"{text[:20]!r} photos cannot be sent.", allowed=f"1 to {most}")
    return int(text)


def _read(shape: type[Shape], body: bytes) -> Shape:
    try:
        return shape.model_validate(json.loads(body))
    except ValidationError as error:
        first: Any = error.errors()[0]
        place = ".".join(str(part)[:20] for part in first["loc"][:3])
        raise _malformed(f"{place}: {first['msg'][:60]}" if place else str(first["msg"])[:80]) from error
    except (ValueError, RecursionError) as error:
        raise _malformed("it is no JSON") from error


def _malformed(why: str) -> Problem:
    return Problem(
        "malformed-decision",
        400,
        f"This decision could not be read ({why}).",
        allowed="JSON with decision (a UUID) and verdicts: photo, action, label, reason, condition_holds, also.",
        do="Reload the page; if it happens again, tell whoever runs this server.",
    )

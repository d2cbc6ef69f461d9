"""What a photo's numbers mean: nothing by themselves. Each challenge has limits, and "dark" can be the request.

``Challenge.limits`` is ``{name: [least, most]}``; null leaves a side open. What a challenge does not name has the
limits that suit most photos, except its light where the challenge asks for a light. A remark is a hint for people: it
rejects nothing.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from collector.enums import ConditionAxis, PhotoState, Remark
from collector.models import Challenge, Photo
from foundation.problems import Problem

Limits = Mapping[str, tuple[float | None, float | None]]

# What it means to be below the least, and above the most. None: that side has no limit.
MEANINGS: dict[str, tuple[Remark | None, Remark | None]] = {
    "luminance_5": (Remark.TOO_DARK, Remark.TOO_BRIGHT),
    "luminance_50": (Remark.TOO_DARK, Remark.TOO_BRIGHT),
    "luminance_95": (Remark.TOO_DARK, Remark.TOO_BRIGHT),
    "clipped_dark": (Remark.TOO_BRIGHT, Remark.TOO_DARK),
    "clipped_bright": (Remark.TOO_DARK, Remark.TOO_BRIGHT),
    "sharpness": (Remark.BLURRED, None),
    "short_side": (Remark.SMALL, None),
    "long_side": (Remark.SMALL, None),
}
LIGHT_REMARKS = {Remark.TOO_DARK, Remark.TOO_BRIGHT}
DARK = 90  # a photo whose brightest twentieth is below; of rendered photos none is, of those taken in a cellar all
USUAL: Limits = {
    "luminance_95": (DARK, None),
    "luminance_50": (None, 235),
    "clipped_bright": (None, 0.4),
    "sharpness": (3, None),  # of rendered photos 5 in 100 are below, of the same blurred over 1/100 of their width 48
    "short_side": (240, None),
}


def check_limits(limits: Any) -> dict[str, list[float | None]]:
    """The limits in the shape they are stored in. Raises Problem ``invalid-limits``."""
    if not isinstance(limits, Mapping):
        raise _invalid("The limits are not an object.")
    return {str(name): _check_range(str(name), value) for name, value in limits.items()}


def remark(measurements: Mapping[str, float], challenge: Challenge | None) -> list[str]:
    """What does not fit the challenge, in a fixed order; what was not measured cannot be remarked on."""
    found, is_dark = set(), measurements.get("luminance_95", 0) < DARK
    for name, (least, most) in _limits_of(challenge, is_dark=is_dark).items():
        below, above = MEANINGS[name]
        value = measurements.get(name)
        if value is not None and least is not None and value < least:
            found.add(below)
        if value is not None and most is not None and value > most:
            found.add(above)
    return [one.value for one in Remark if one in found]


def remark_again(challenge: Challenge) -> int:
    """Judge the challenge's waiting photos by its present limits; returns how many remarks changed."""
    waiting = Photo.objects.filter(project=challenge.project_id, challenge=challenge, state=PhotoState.AWAITING_REVIEW)
    changed = []
    for photo in waiting.only("measurements", "remarks"):
        remarks = remark(photo.measurements, challenge)
        if remarks != photo.remarks:
            photo.remarks = remarks
            changed.append(photo)
    Photo.objects.bulk_update(changed, ["remarks"], batch_size=1000)
    return len(changed)


def _limits_of(challenge: Challenge | None, *, is_dark: bool) -> Limits:
    """The challenge's own limits, and the usual ones for what it does not name."""
    asks_light = challenge is not None and challenge.conditions.filter(axis=ConditionAxis.LIGHT).exists()
    usual = dict(USUAL)
    if is_dark:  # too little contrast to tell whether it is blurred
        usual.pop("sharpness")
    if asks_light:
        usual = {name: limit for name, limit in usual.items() if LIGHT_REMARKS.isdisjoint(MEANINGS[name])}
    own = challenge.limits.items() if challenge is not None else ()
    return {**usual, **{name: (least, most) for name, (least, most) in own}}


def _check_range(name: str, value: Any) -> list[float | None]:
    if name not in MEANINGS:
        raise _invalid(f"Nothing called '{name[:60]}' is measured.")
    try:
        least, most = (None if side is None else _check_side(side) for side in value)
    except (TypeError, ValueError):
        raise _invalid(f"The limits of {name} are not two numbers of at least 0.") from None
    if most is not None and MEANINGS[name][1] is None:
        raise _invalid(f"{name} has no upper limit.")
    if least is not None and most is not None and least > most:
        raise _invalid(f"The least {name}, {least:g}, is over the most, {most:g}.")
    return [least, most]


def _check_side(side: object) -> float:
    if isinstance(side, bool) or not isinstance(side, int | float) or not 0 <= side < math.inf:
        raise ValueError(side)
    return side


def _invalid(detail: str) -> Problem:
    return Problem(
        "invalid-limits",
        400,
        detail,
        allowed=f"name: [least, most] with numbers or null, for {', '.join(MEANINGS)}.",
        do="Correct it and try again.",
    )


def read_limits(words: Iterable[str]) -> dict[str, list[float | None]]:
    """Limits as people type them: ``luminance_50=5..40``, ``sharpness=3..``. Raises Problem ``invalid-limits``."""
    limits: dict[str, list[float | None]] = {}
    for word in words:
        name, _, sides = word.partition("=")
        least, dots, most = sides.partition("..")
        if not dots:
            raise _invalid(f"{word[:60]!r} is not a range.")
        try:
            limits[name.strip()] = [float(side) if side.strip() else None for side in (least, most)]
        except ValueError:
            raise _invalid(f"{word[:60]!r} is not a range of numbers.") from None
    return check_limits(limits)

"""What a project's camera may do to a photo: the names, their ranges, what they mean. Said here once, for everybody.

The learning reads it (``augment``), a project that is saved is checked by it, people read it in words. Standard library
only.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from training.ml.problems import Checker


def _way(usual: float, most: float, unit: str, what: str, *, least: float = 0.0) -> Any:
    return field(default=usual, metadata={"usual": usual, "least": least, "most": most, "unit": unit, "what": what})


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which photos differ: its name, usual value, range, unit and meaning."""

    name: str
    usual: float
    least: float
    most: float
    unit: str
    what: str

    @property
    def allowed(self) -> str:
        """The range in words."""
        return f"a number from {self.least:g} to {self.most:g}"


@dataclass(frozen=True, slots=True)
class CaptureProfile:
    """How photos of one thing differ. The usual ones suit something held in front of a phone, seen the right way up.

    Shares are of all photos; strengths run from 0 (never differs) to 2 (differs wildly).
    """

    roll: float = _way(12.0, 180.0, "degrees", "how crooked it is held (two of three photos less, the others more)")
    upside_down: float = _way(0.0, 1.0, "of photos", "seen upside down")
    quarter_turned: float = _way(0.0, 1.0, "of photos", "lying on their side, half of them to either")
    mirrored: float = _way(0.0, 1.0, "of photos", "seen as in a mirror; only for things without writing on them")
    zoom: float = _way(1.25, 4.0, "times", "nearer or farther by up to this factor", least=1.0)
    shift: float = _way(0.10, 0.5, "of the side", "off the middle by at most this")
    tilt: float = _way(0.10, 0.5, "strength", "perspective: how much larger the near edge is")
    light: float = _way(1.0, 2.0, "strength", "brightness, shadows and uneven light")
    colour: float = _way(1.0, 2.0, "strength", "white balance, contrast and saturation")
    blur: float = _way(0.3, 1.0, "of photos", "out of focus")
    grain: float = _way(0.04, 0.5, "of white", "noise of the sensor, at most")
    covered: float = _way(0.2, 1.0, "of photos", "with something lying over a part, such as a thumb")

    @classmethod
    def from_json(cls, raw: object) -> "CaptureProfile":
        """Reads a project's ``capture_profile``; raises ``ProblemsFoundError`` naming every fault."""
        check = Checker(raw, name="capture_profile", fields=[way.name for way in WAYS])
        found = {way.name: _read(check, way) for way in WAYS if way.name in check.raw}
        profile = cls(**found)
        turned = profile.upside_down + profile.quarter_turned
        if turned > 1 and not check.problems:
            check.refuse(
                "upside_down and quarter_turned", f"{turned:g} together", "at most 1: all photos", "Lower one."
            )
        check.finish()
        return profile

    def to_json(self) -> dict[str, float]:
        """Every value by name."""
        return asdict(self)

    def scaled(self, share: float) -> "CaptureProfile":
        """The same camera with calmer people: every way of differing reduced to ``share`` (0..1)."""
        values = {name: value * share for name, value in self.to_json().items()}
        return CaptureProfile(**{**values, "zoom": self.zoom**share})


WAYS = tuple(Way(one.name, **one.metadata) for one in fields(CaptureProfile))


def _read(check: Checker, way: Way) -> float:
    value = check.raw[way.name]
    if isinstance(value, int | float) and not isinstance(value, bool) and way.least <= value <= way.most:
        return float(value)
    check.refuse(way.name, value, way.allowed)
    return way.usual

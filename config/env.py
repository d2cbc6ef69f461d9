"""The only reader of ``os.environ``. Every wrong value is named, with what is allowed and what to do."""

import os
from collections.abc import Mapping
from pathlib import Path

import limits
from django.core.exceptions import ImproperlyConfigured
from limits import RateLimitItem


class Env:
    """Typed access to environment variables."""

    def __init__(self, values: Mapping[str, str] = os.environ) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        """The variable as it stands, or ``default`` where it is unset or empty."""
        return self._values.get(name, "").strip() or default

    def integer(self, name: str, default: int, *, minimum: int = 0) -> int:
        """A whole number of at least ``minimum``."""
        raw = self.text(name, str(default))
        try:
            value = int(raw)
        except ValueError:
            value = minimum - 1
        if value < minimum:
            raise ImproperlyConfigured(
                f"{name} is {raw!r}; allowed is a whole number of at least {minimum}. "
                f"Correct it, or unset it to use {default}."
            )
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """``1/true/yes/on`` or ``0/false/no/off``, in any case."""
        raw = self.text(name, str(default)).lower()
        if raw in {"1", "true", "yes", "on"}:
            return True
        if raw in {"0", "false", "no", "off"}:
            return False
        raise ImproperlyConfigured(
            f"{name} is {raw!r}; allowed are 1, true, yes, on, 0, false, no, off. Correct or unset it."
        )

    def words(self, name: str, default: str = "") -> list[str]:
        """A comma-separated list, blanks dropped."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def rates(self, name: str, default: str) -> list[RateLimitItem]:
        """Rate limits such as ``600/hour, 2000/day``, the shortest first; none for ``off``."""
        raw = self.text(name, default)
        if raw.lower() == "off":
            return []
        try:
            return sorted(limits.parse_many(raw), key=lambda limit: limit.get_expiry())
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name} is {raw!r}; allowed are off, and numbers per second, minute, hour or day such as {default}. "
                f"Correct it, or unset it to use {default}."
            ) from error

    def path(self, name: str, default: Path) -> Path:
        """An absolute path; ``~`` is expanded."""
        return Path(self.text(name, str(default))).expanduser().absolute()

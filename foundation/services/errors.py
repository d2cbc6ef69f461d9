"""What goes wrong around the embedded services, said in four parts."""

from typing import Self


class ServicesError(RuntimeError):
    """The embedded services cannot run; the message says what happened, the value, what is allowed, what to do."""

    def __init__(self, what: str, *, value: object = None, allowed: str = "", do: str = "") -> None:
        parts = {"value": value, "allowed": allowed, "do": do}
        super().__init__("\n".join([what, *(f"  {name + ':':<9}{part}" for name, part in parts.items() if part)]))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The error as the keeper wrote it down."""
        return cls(text.strip())

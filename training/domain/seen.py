"""A photo as the snapshot sees it, and the names that stand for it and its volunteer outside the database."""

import hmac
from dataclasses import dataclass


@dataclass(slots=True)
class Seen:
    """``captured_at`` is seconds since 1970; ``is_judged`` says that a reviewer accepted these very pixels.

    Names are pseudonyms. Not frozen only because making a million frozen ones takes twice as long.
    """

    photo: str
    sha256: str
    label: str
    volunteer: str
    is_known: bool = True
    look_hash: str = ""
    captured_at: float | None = None
    pinned: str = ""
    is_judged: bool = True


def pseudonym(secret: str, kind: str, name: object) -> str:
    """A stable name that says nothing outside this project: 32 hexadecimal digits of a keyed hash."""
    return hmac.digest(secret.encode(), f"{kind}:{name}".encode(), "sha256").hex()[:32]

"""What a key may look like: a relative path of plain names, so that no key leaves the store."""

import re

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
MAX_LENGTH = 800  # S3 allows 1,024 bytes, prefix included


def check_key(key: str) -> str:
    """Return ``key``. Raises ValueError where a name is empty, hidden, too long, or has other characters."""
    if len(key) > MAX_LENGTH or not all(NAME.fullmatch(name) for name in key.split("/")):
        raise ValueError(
            f"Blob key {key[:120]!r} is not allowed. Allowed are names of A-Z a-z 0-9 . _ - that begin with a letter "
            f"or digit, separated by /, at most {MAX_LENGTH} characters."
        )
    return key

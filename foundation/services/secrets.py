"""The secret of a development home, made once."""

import os
import secrets
from pathlib import Path

from foundation.services.folders import make_private


def local_secret(home: Path) -> str:
    """Read ``home/keys/secret``, or make it (0600). Two processes at once get the same one.

    Raises ServicesError where the home cannot be written.
    """
    path = home / "keys" / "secret"
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        make_private(path.parent)
    part = path.with_name(f".secret.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)  # whole or not at all, and never over another process's secret
    except FileExistsError:
        pass
    finally:
        part.unlink()
    return path.read_text(encoding="ascii")

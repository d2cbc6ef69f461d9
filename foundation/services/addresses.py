"""Where the embedded services of a home are found. Pure: nothing is started or made."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

DATABASE = "daybreak"  # both the database and its superuser


@dataclass(frozen=True)
class ServiceUrls:
    """Addresses as DATABASE_URL and REDIS_URL would spell them."""

    database: str
    redis: str


def socket_folder(home: Path) -> Path:
    """The folder of the unix sockets: short, whatever the depth of ``home``, for a socket's path ends at 107 bytes.

    /tmp and not $TMPDIR, so that every process computes the same folder.
    """
    digest = hashlib.sha256(str(home.resolve()).encode()).hexdigest()
    return Path(f"/tmp/daybreak-{digest[:16]}")  # noqa: S108 -- 0700, and its owner is checked before use (folders.py)


def redis_socket(home: Path) -> Path:
    """The unix socket of the embedded Redis."""
    return socket_folder(home) / "redis.sock"


def urls(home: Path) -> ServiceUrls:
    """The addresses of the services of ``home``, whether or not they run."""
    host = str(socket_folder(home)).replace("/", "%2F")
    return ServiceUrls(
        database=f"postgresql://{DATABASE}@{host}/{DATABASE}",
        redis=f"unix://{redis_socket(home)}?db=0",
    )

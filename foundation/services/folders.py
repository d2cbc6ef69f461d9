"""Folders of the embedded services: private, and refused where somebody else made them."""

import os
import shutil
import stat
from pathlib import Path

from foundation.services.errors import ServicesError

FIRST_START_BYTES = 300_000_000  # a new cluster is 45 MB, its write-ahead log up to 256 MB
LATER_START_BYTES = 50_000_000


def make_private(folder: Path, *, mode: int = 0o700) -> Path:
    """Make ``folder`` and its parents. Raises ServicesError where this user may not."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=mode, exist_ok=True)
    except OSError as error:
        raise ServicesError(
            f"Cannot make a folder: {error.strerror}.",
            value=folder,
            allowed="a place where this user may write",
            do="point DAYBREAK_HOME at a folder you own, or give this user the right to write there",
        ) from error
    return folder


def prepare_home(home: Path) -> None:
    """Make the home, and see that it can be written. Raises ServicesError."""
    # Root runs the servers as another account, which must be able to walk through.
    make_private(home, mode=0o711 if os.geteuid() == 0 else 0o700)
    make_private(home / "run")
    make_private(home / "logs")
    if not os.access(home, os.W_OK | os.X_OK):
        raise ServicesError(
            "The home of Daybreak cannot be written.",
            value=home,
            allowed="a folder that this user may write",
            do="point DAYBREAK_HOME at a folder you own",
        )


def require_space(home: Path, *, first: bool) -> None:
    """Raises ServicesError where the disk is too full for the database to start."""
    needed = FIRST_START_BYTES if first else LATER_START_BYTES
    free = shutil.disk_usage(home).free
    if free < needed:
        raise ServicesError(
            "Not enough disk space for the database.",
            value=f"{free // 1_000_000} MB free at {home}",
            allowed=f"at least {needed // 1_000_000} MB",
            do="make room on that disk, or point DAYBREAK_HOME at another one",
        )


def own_folder(folder: Path, uid: int, gid: int) -> Path:
    """Make ``folder`` private to ``uid``. Raises ServicesError where another account made it (/tmp is shared)."""
    make_private(folder)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {uid, os.geteuid()}:
        raise ServicesError(
            "A folder of the embedded services belongs to somebody else.",
            value=f"{folder}, owner {found.st_uid}",
            allowed=f"a folder owned by account {uid}",
            do=f"look who made it; then remove it: rm -r {folder}",
        )
    if found.st_uid != uid:
        os.chown(folder, uid, gid)
    folder.chmod(0o700)
    return folder

"""A wall around ``training.ml``: importing what it must do without fails, installed or not."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

LIBRARIES = ("django", "celery", "redis", "boto3", "botocore", "ninja")
ROOMS = ("collector", "modelhub", "foundation", "config")
INSIDE = "training.ml"


class Wall:
    """A finder that finds nothing, and refuses what lies outside."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises ``ImportError`` for what lies outside, else leaves the search to others."""
        if is_outside(name):
            raise ImportError(f"{name} is not there for training.ml", name=name)
        return None


def is_outside(name: str) -> bool:
    """Whether ``training.ml`` may not import this module."""
    first = name.partition(".")[0]
    if first == "training":
        return name != "training" and not f"{name}.".startswith(f"{INSIDE}.")
    return first in LIBRARIES or first in ROOMS


def build() -> None:
    """Puts the wall up in this process. Raises ``RuntimeError`` where something is already on the wrong side."""
    loaded = sorted(name for name in sys.modules if is_outside(name))
    if loaded:
        raise RuntimeError(f"Already imported: {', '.join(loaded)}")
    if not any(isinstance(finder, Wall) for finder in sys.meta_path):
        sys.meta_path.insert(0, Wall())

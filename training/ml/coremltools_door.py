"""The only place that imports coremltools first, and without what it looks for and we do not use.

At its import it tries every library it could convert models from. Those that are here came with the other converters,
and loading them took more than two of its four and a half seconds of CPU time, in two stages of every night.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

UNUSED = ("sklearn", "tensorflow", "torchao", "transformers", "xgboost")
_lock = threading.Lock()


def coremltools() -> ModuleType:
    """``coremltools``; its submodules can be imported as usual after this."""
    # It speaks of versions it was not tried with, and of a runtime that only a Mac has.
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    with _lock, _hidden(UNUSED):
        import coremltools
    return coremltools  # type: ignore[no-any-return]  # coremltools has no types


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """While this lasts, importing these fails as if they were not installed. What is loaded already stays."""
    missing = [name for name in names if name not in sys.modules]
    for name in missing:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own mark for "cannot be imported"
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]

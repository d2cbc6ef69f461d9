"""The only place that imports torchvision, because its compiled operators may not fit the torch beside it.

PyPI's torchvision needs CUDA libraries; next to a CPU-only torch its operators cannot load, and ``import torchvision``
then fails with "operator torchvision::nms does not exist". We use models and transforms only, so declaring the two
schemas it asks for is enough. Where the real operators load, nothing is declared.
"""

import importlib.util
import threading
from pathlib import Path
from types import ModuleType

import torch

from training.ml import compiler

MISSING_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_lock = threading.Lock()
_declared: list[torch.library.Library] = []  # a Library's declarations live as long as the object


def models() -> ModuleType:
    """``torchvision.models``, whichever torchvision is installed."""
    _make_importable()
    with _lock, compiler.stood_in_for():
        import torchvision.models

    return torchvision.models  # type: ignore[no-any-return]  # torchvision has no types


def _make_importable() -> None:
    with _lock:
        if _declared or _operators_load():
            return
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # untyped in torch
        for schema in MISSING_SCHEMAS:
            library.define(schema)  # type: ignore[no-untyped-call]  # untyped in torch
        _declared.append(library)


def _operators_load() -> bool:
    """Tries the compiled library without importing the package, whose import is what fails."""
    found = importlib.util.find_spec("torchvision")
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        for path in sorted(Path(folder).glob("_C*")):
            try:
                torch.ops.load_library(str(path))  # type: ignore[no-untyped-call]  # untyped in torch
            except (OSError, ImportError):
                continue
            return True
    return False

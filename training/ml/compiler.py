"""Keeps PyTorch's compiler from being loaded by who does not compile: it takes as long to load as PyTorch itself.

Two places ask for it: an operator of torchvision that we never call, and every optimiser, which wants some of its
methods left uncompiled. Should either ask in another way one day, it is loaded again, and nothing else changes.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from torch.optim import Optimizer

NAMES = ("torch._dynamo", "torch._dynamo.utils")


@contextmanager
def stood_in_for() -> Iterator[None]:
    """While torchvision is imported, something else answers to the compiler's name."""
    if any(name in sys.modules for name in (*NAMES, "torchvision")):
        yield
        return
    stands_in = [ModuleType(name) for name in NAMES]
    stands_in[1].is_compile_supported = lambda _: False  # type: ignore[attr-defined]  # a module of our own
    sys.modules.update(zip(NAMES, stands_in, strict=True))
    try:
        yield
    finally:
        for name in NAMES:
            del sys.modules[name]  # whoever needs the real one finds it


def leave_out_of_optimisers() -> None:
    """Says of the optimisers' methods that they stay as they are, as the compiler would (``torch._disable_dynamo``)."""
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        method = getattr(getattr(Optimizer, name), "__wrapped__", None)
        if method is not None and not hasattr(method, "__dynamo_disable"):
            setattr(method, "__dynamo_disable", method)

"""Stages that compile nothing do not load the compiler, which takes as long as PyTorch itself."""

import pytest

from tests.ml import making

NETWORK = "from training.ml.networks import build_backbone; build_backbone('squeezenet1_1')"
HEAD = (
    "import io, torch; from training.ml.contract import Progress; from training.ml.head import Examples, fit_head;"
    "x = torch.randn(12, 3); y = torch.arange(12) % 2; e = Examples(x, y, torch.ones(12));"
    "fit_head(e, ['a', 'b', 'c'] * 4, taps=[3], label_count=2, progress=Progress('fit', out=io.StringIO()))"
)


@pytest.mark.parametrize("code", [NETWORK, HEAD], ids=["network", "head"])
def test_compiler_stays_out_of(code: str) -> None:
    ran = making.run_python(f"import sys; {code}; print('torch._dynamo' in sys.modules)")
    assert ran.lines == ["False"], ran.stderr


def test_compiler_is_the_real_one_for_whoever_needs_it() -> None:
    ran = making.run_python(f"{NETWORK}; import torch._dynamo; print(torch._dynamo.disable(len) is not None)")
    assert ran.lines == ["True"], ran.stderr

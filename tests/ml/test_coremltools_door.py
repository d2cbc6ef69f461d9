"""coremltools is loaded without the libraries it only looks for, and those can be imported afterwards."""

from tests.ml import making

LOADED = """
import sys
from training.ml.coremltools_door import UNUSED, coremltools
ct = coremltools()
print(ct.__name__, sorted(name for name in UNUSED if name in sys.modules))
import sklearn
print(sklearn.__name__)
"""


def test_door_loads_coremltools_and_nothing_it_does_not_need() -> None:
    done = making.run_python(LOADED)
    assert done.lines == ["coremltools []", "sklearn"], done.stderr

"""Stage choose: which of the networks a project names is taught tonight. Later stages take it from here (``Work``).

Where one is named nothing is loaded, since a night waits for this stage. Where there are several, ``probing`` compares
them, and leaves features that were not in ``WORK/features/`` as ``features-<arch>.safetensors``.
"""

from pathlib import Path
from typing import Any

from training.ml.contract import Progress, RunSpec
from training.ml.workspace import Work


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """See the file's first lines. Raises ``ProblemsFoundError`` for photos at fault."""
    work.check(spec)
    progress.report(0, 1, "looking at the networks named")
    if len(spec.candidates) < 2:  # noqa: PLR2004 -- one network is no choice
        return {"arch": spec.arch, "why": "The project names one network.", "candidates": [], "left_out": []}
    from training.ml.probing import compare  # brings PyTorch

    return compare(spec, work, out, progress)

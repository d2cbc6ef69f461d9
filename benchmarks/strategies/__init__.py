"""Ways to learn and their extras, each on the same five folds of sign-language digits: what stays must earn its place.

A line is the mean accuracy of five folds by volunteer, its loss, its CPU seconds a fold, and the difference from the
plain recipe with the standard error of that difference over the folds. Photos have 128 px (they were taken with 100);
a recipe has the same steps in every line. ``cooled``: with a temperature fitted on the other folds' answers.

STRATEGY_LINES=head,tuned and STRATEGY_FOLDS=0,1 measure a part; BENCH_WORK keeps what was measured, and a line that is
there is not measured again, so that the whole can be done in pieces.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.digits import FOLDS, shared_data
from benchmarks.lines import skip
from benchmarks.strategies import recipes, report
from benchmarks.strategies.data import Digits, read_digits


def main() -> bool:
    """Measures what is missing and prints all that is there."""
    shared = shared_data()
    if not (shared / "sign-digits" / "manifest.csv").is_file():
        skip(
            "strategies",
            f"There is no sign-digits/manifest.csv in {shared}; DAYBREAK_SHARED_DATA may name another folder.",
        )
        return True
    work = Path(os.environ.get("BENCH_WORK") or tempfile.mkdtemp(prefix="daybreak-strategies-"))
    lines = [line for line in os.environ.get("STRATEGY_LINES", "").split(",") if line] or list(recipes.LINES)
    folds = [int(fold) for fold in os.environ.get("STRATEGY_FOLDS", "").split(",") if fold] or list(FOLDS)
    torch.set_num_threads(1)  # so that CPU seconds mean the same on a busy machine
    digits = read_digits(shared, work)
    for line in lines:
        for fold in folds:
            _measure(digits, line, fold, work)
    report.print_all(digits, work)
    return True


def _measure(digits: Digits, line: str, fold: int, work: Path) -> None:
    """Leaves the logits of the fold's photos in a file for each way the line tells apart."""
    if (work / f"{line}-{fold}.safetensors").exists():
        return
    begun = time.process_time()
    found = recipes.LINES[line](digits, fold)
    seconds = time.process_time() - begun
    for name, logits in reversed(found.items()):  # the line's own file last: then all are there
        _save(work / f"{name}-{fold}.safetensors", logits, seconds)
    own = (found[line].argmax(1) == digits.targets[digits.folds == fold]).float().mean()
    print(f"{line}, fold {fold}: {own:.4f} in {seconds:.0f} CPU s", file=sys.stderr, flush=True)


def _save(path: Path, logits: Tensor, seconds: float) -> None:
    part = path.with_suffix(".part")
    save_file({"logits": logits.contiguous()}, part, metadata={"cpu_seconds": str(seconds)})
    part.rename(path)


def read_line(work: Path, name: str) -> dict[int, tuple[Tensor, float]]:
    """Fold -> logits and CPU seconds of a line, as far as it was measured."""
    found = {}
    for fold in FOLDS:
        path = work / f"{name}-{fold}.safetensors"
        if path.exists():
            with safe_open(path, framework="pt") as file:
                found[fold] = file.get_tensor("logits"), float(file.metadata()["cpu_seconds"])
    return found

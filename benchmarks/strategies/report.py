"""Every line that was measured, beside the plain recipe."""

import json
from math import fsum
from pathlib import Path
from statistics import fmean, stdev

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.strategies.data import Digits
from training.ml.head import temperature

BINS = 15


def print_all(digits: Digits, work: Path) -> None:
    """One JSON line a measured way: means, each fold, and the paired difference from what it is compared with."""
    from benchmarks.strategies import read_line

    names = sorted(
        {path.stem.rpartition("-")[0] for path in work.glob("*-[0-4].safetensors") if "view-" not in path.name}
    )
    for name in names:
        found = read_line(work, name)
        folds = sorted(found)
        hits = {fold: _accuracy(digits, fold, found[fold][0]) for fold in folds}
        line = {"name": f"strategies: {name}", "folds": folds, "accuracy": round(fmean(hits.values()), 4)}
        line["each"] = [round(hits[fold], 4) for fold in folds]
        line |= _losses(digits, {fold: logits for fold, (logits, _) in found.items()})
        line["cpu_seconds"] = round(fmean(seconds for _, seconds in found.values()), 1)
        base = (
            "head"
            if name == "tuned" or name.startswith("head")
            else "scratch"
            if name.startswith("scratch")
            else "tuned"
        )
        if base != name:
            other = read_line(work, base)
            line |= _difference(digits, hits, {fold: logits for fold, (logits, _) in other.items()}, base)
        print(json.dumps(line), flush=True)


def _difference(digits: Digits, hits: dict[int, float], other: dict[int, Tensor], base: str) -> dict[str, object]:
    apart = [hits[fold] - _accuracy(digits, fold, other[fold]) for fold in hits if fold in other]
    if not apart:
        return {}
    spread = stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else None
    return {"against": base, "difference": round(fmean(apart), 4), "standard_error": spread and round(spread, 4)}


def _losses(digits: Digits, logits: dict[int, Tensor]) -> dict[str, float]:
    """Loss and calibration error as they are, and with the temperature of the other folds."""
    targets = {fold: digits.targets[digits.folds == fold] for fold in logits}
    cooled = {}
    for fold in logits if len(logits) > 1 else ():
        rest = [other for other in logits if other != fold]
        factor = temperature(torch.cat([logits[one] for one in rest]), torch.cat([targets[one] for one in rest]))
        cooled[fold] = logits[fold] / factor
    found = {}
    for words, values in (("", logits), ("_cooled", cooled)):
        if values:
            pairs = [(values[fold], targets[fold]) for fold in values]
            found[f"loss{words}"] = round(fmean(float(functional.cross_entropy(*pair)) for pair in pairs), 4)
            found[f"calibration_error{words}"] = round(_calibration_error(*map(torch.cat, zip(*pairs, strict=True))), 4)
    return found


def _accuracy(digits: Digits, fold: int, logits: Tensor) -> float:
    return float((logits.argmax(1) == digits.targets[digits.folds == fold]).float().mean())


def _calibration_error(logits: Tensor, targets: Tensor) -> float:
    """Expected calibration error over ``BINS`` equal bins of probability (Guo and others, 2017)."""
    sure, answers = logits.softmax(1).max(1)
    right = (answers == targets).float()
    bins = (sure * BINS).long().clamp(max=BINS - 1)
    return fsum(
        float((bins == one).float().mean() * (sure[bins == one].mean() - right[bins == one].mean()).abs())
        for one in set(bins.tolist())
    )

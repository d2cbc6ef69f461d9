"""Sign-language digits, five folds by volunteer: what the files for phones get right, as the real stages make them.

Every stage runs by its command, as in a night; features are kept between folds, since they do not depend on them.
Nothing is chosen on the fold being judged: C is chosen among its train volunteers, the 8-bit kind on train photos.
DIGITS_FOLDS=0,1 runs some folds only; BENCH_WORK keeps the work folders.
"""

import csv
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.lines import emit, skip
from training.ml.contract import (
    PART,
    STAGES,
    InputContract,
    Label,
    ManifestPhoto,
    RunSpec,
    open_pack,
    read_json,
    write_json,
    write_manifest,
)

FOLDS = (0, 1, 2, 3, 4)
MEAN_POOLED_HEAD = 0.951  # a logistic head on the mean of the last features, float32, measured with the data
MOST_FLIPS, MOST_BYTES, LEAST_ACCURACY = 0.01, 0.28, 0.95


def main() -> bool:
    """Prints every fold, then the means; returns whether every target was met."""
    shared = shared_data()
    if not (shared / "sign-digits" / "manifest.csv").is_file():
        skip(
            "digits", f"There is no sign-digits/manifest.csv in {shared}; DAYBREAK_SHARED_DATA may name another folder."
        )
        return True
    folds = [int(fold) for fold in os.environ.get("DIGITS_FOLDS", "").split(",") if fold] or list(FOLDS)
    kept = os.environ.get("BENCH_WORK")
    base = Path(kept) if kept else Path(tempfile.mkdtemp(prefix="daybreak-digits-"))
    try:
        return _report([_run_fold(base, shared, fold) for fold in folds], folds)
    finally:
        if not kept:
            shutil.rmtree(base)


def shared_data() -> Path:
    named = os.environ.get("DAYBREAK_SHARED_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"


def _run_fold(base: Path, shared: Path, fold: int) -> dict[str, Any]:
    """All stages of one fold; what verify and evaluate found, with the wall seconds of each stage."""
    work = base / f"fold-{fold}"
    _prepare(base, work, shared, fold)
    seconds = {}
    for stage in STAGES:
        begun = time.monotonic()
        command = [sys.executable, "-m", "training.ml", stage, "--spec", str(work / "spec.json"), "--in", str(work)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        seconds[stage] = round(time.monotonic() - begun, 1)
        if done.returncode:
            raise SystemExit(f"{stage} of fold {fold} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        print(f"fold {fold}: {stage} took {seconds[stage]} s", file=sys.stderr, flush=True)
    (base / "features").mkdir(exist_ok=True)
    shutil.copyfile(work / "embed" / "features.safetensors", base / "features" / f"of-fold-{fold}.safetensors")
    return {
        "evaluate": read_json(work / "evaluate" / "result.json"),
        "verify": read_json(work / "verify" / "result.json"),
        "seconds": seconds,
    }


def copy_photos(shared: Path, folder: Path, *, golden: int) -> list[ManifestPhoto]:
    """Puts the photos where stages look for them; those of the fold ``golden`` are to be judged on."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = []
    with (shared / "sign-digits" / "manifest.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            data = (shared / "sign-digits" / row["file"]).read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            (folder / f"{digest}.jpg").write_bytes(data)
            side = "golden" if int(row["fold"]) == golden else "train"
            photos.append(ManifestPhoto(row["file"], digest, row["label"], row["volunteer"], side))
    return photos


def _prepare(base: Path, work: Path, shared: Path, fold: int) -> None:
    (work / "snapshot").mkdir(parents=True, exist_ok=True)
    photos = copy_photos(shared, base / "photos", golden=fold)
    write_manifest(work / "snapshot" / "manifest.jsonl", photos)
    known = {digest for path in (base / "features").glob("*") for digest in open_pack(path).digests}
    new = [photo for photo in photos if photo.side == "train" and bytes.fromhex(photo.sha256) not in known]
    write_manifest(work / PART, new)
    for name in ("photos", "features"):
        if (base / name).is_dir() and not (work / name).exists():
            (work / name).symlink_to(base / name, target_is_directory=True)
    labels = tuple(Label(str(digit), f"digit {digit}") for digit in range(10))
    weights = shared.resolve() / "pretrained" / "squeezenet1_0-imagenet1k.safetensors"
    spec = RunSpec("sign-digits", labels, "squeezenet1_0", InputContract.of_size(224), pretrained=str(weights))
    write_json(work / "spec.json", spec.to_json())


def _report(found: list[dict[str, Any]], folds: list[int]) -> bool:
    met = [_report_fold(result, fold) for result, fold in zip(found, folds, strict=True)]
    names = [_name(one) for one in found[0]["verify"]["artifacts"]]
    for name in names:
        values = [
            one["golden_accuracy"] for result in found for one in result["verify"]["artifacts"] if _name(one) == name
        ]
        mean = round(sum(values) / len(values), 6)
        target = LEAST_ACCURACY if name == "litert-int8" else None
        met.append(_emit(f"digits mean: golden accuracy of {name}", mean, baseline=MEAN_POOLED_HEAD, target=target))
    return all(met)


def _report_fold(result: dict[str, Any], fold: int) -> bool:
    whole = result["evaluate"]["golden_accuracy"]
    met = [_emit(f"digits fold {fold}: golden accuracy of the model", whole, baseline=MEAN_POOLED_HEAD)]
    sizes = {_name(one): one["bytes"] for one in result["verify"]["artifacts"]}
    for one in result["verify"]["artifacts"]:
        name = _name(one)
        met += [
            _emit(f"digits fold {fold}: golden accuracy of {name}", one["golden_accuracy"], baseline=whole),
            _emit(f"digits fold {fold}: flips of {name}", one["flips_vs_fp32"], target=MOST_FLIPS, at_most=True),
        ]
        if one["precision"] == "int8":
            share = round(one["bytes"] / sizes["litert-fp32"], 4)
            met.append(_emit(f"digits fold {fold}: bytes of {name} to float32", share, target=MOST_BYTES, at_most=True))
    for stage, seconds in result["seconds"].items():
        _emit(f"digits fold {fold}: seconds of {stage}", seconds)
    return all(met)


def _emit(
    name: str, value: float, *, baseline: float | None = None, target: float | None = None, at_most: bool = False
) -> bool:
    """Prints a figure; whether it is what it must be."""
    met = None if target is None else value <= target if at_most else value >= target
    emit(name, value, baseline=baseline, ratio=round(value / baseline, 4) if baseline else None, target=target, met=met)
    return met is not False


def _name(artifact: dict[str, Any]) -> str:
    return f"{artifact['runtime']}-{artifact['precision']}"

"""Labels that look wrong: how many of the flipped ones the night finds, and how many of those it names were flipped.

Sign-language digits, stages start, embed and fit by their commands. Three kinds of fault: none; 5% of the labels
flipped at random, whoever sent them; and 5% by three accounts (classes that share a device) that name everything one
too high. Precision without flips cannot be known: what is named there may be wrong in the data as it came.
BENCH_WORK keeps the work folders, and with them the features.
"""

import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.digits import copy_photos, shared_data
from benchmarks.lines import emit, skip
from training.ml.contract import PART, InputContract, Label, ManifestPhoto, RunSpec, write_json, write_manifest

SEED, SHARE, ACCOUNTS, LABELS = 5, 0.05, 3, 10
Photos = list[ManifestPhoto]


def main() -> bool:
    """Prints precision and recall for each kind of fault; there are no targets."""
    shared = shared_data()
    if not (shared / "sign-digits" / "manifest.csv").is_file():
        skip("label_noise", f"There is no sign-digits/manifest.csv in {shared}.")
        return True
    kept = os.environ.get("BENCH_WORK")
    base = Path(kept) if kept else Path(tempfile.mkdtemp(prefix="daybreak-noise-"))
    try:
        photos = sorted(copy_photos(shared, base / "photos", golden=0), key=lambda photo: photo.photo)
        for name, spoil in (("none", list), ("random accounts", _flip_anywhere), ("3 accounts", _flip_accounts)):
            after = spoil(photos)
            _report(name, photos, after, _find(base, name, shared, after))
    finally:
        if not kept:
            shutil.rmtree(base)
    return True


def _flip_anywhere(photos: Photos) -> Photos:
    dice = random.Random(SEED)
    train = [photo.photo for photo in photos if photo.side == "train"]
    chosen = set(dice.sample(train, round(SHARE * len(train))))
    return [_rename(photo, dice.randrange(1, LABELS)) if photo.photo in chosen else photo for photo in photos]


def _flip_accounts(photos: Photos) -> Photos:
    """Whole people, gathered into three accounts, until they hold 5% of the photos."""
    people = sorted({photo.volunteer for photo in photos if photo.side == "train"})
    random.Random(SEED).shuffle(people)
    train = [photo for photo in photos if photo.side == "train"]
    chosen: list[str] = []
    while sum(photo.volunteer in chosen for photo in train) < SHARE * len(train):
        chosen.append(people.pop())
    names = {who: f"account {place % ACCOUNTS}" for place, who in enumerate(chosen)}
    moved = [dataclasses.replace(photo, volunteer=names.get(photo.volunteer, photo.volunteer)) for photo in photos]
    return [_rename(photo, 1) if photo.volunteer.startswith("account ") else photo for photo in moved]


def _rename(photo: ManifestPhoto, step: int) -> ManifestPhoto:
    return dataclasses.replace(photo, label=str((int(photo.label) + step) % LABELS))


def _find(base: Path, name: str, shared: Path, photos: Photos) -> list[str]:
    """The photos that the night names, the surest first."""
    work = base / name.replace(" ", "-")
    _prepare(work, base, shared, photos)
    for stage in ("start", "embed", "fit"):
        command = [sys.executable, "-m", "training.ml", stage, "--spec", str(work / "spec.json"), "--in", str(work)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    if not (base / "features").exists():
        shutil.copytree(work / "embed", base / "features")
    lines = (work / "fit" / "suspicions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["photo"] for line in lines]


def _report(name: str, before: Photos, after: Photos, named: list[str]) -> None:
    truth = {photo.photo: photo.label for photo in before}
    flipped = {photo.photo for photo in after if photo.label != truth[photo.photo]}
    emit(f"label noise, {name}: labels flipped", len(flipped))
    emit(f"label noise, {name}: labels named", len(named))
    if flipped:
        hits = [photo in flipped for photo in named]
        emit(f"label noise, {name}: precision", round(sum(hits) / max(len(hits), 1), 4))
        emit(f"label noise, {name}: recall", round(sum(hits) / len(flipped), 4))
        first = hits[: len(flipped)]
        emit(f"label noise, {name}: precision of as many as were flipped", round(sum(first) / max(len(first), 1), 4))


def _prepare(work: Path, base: Path, shared: Path, photos: Photos) -> None:
    shutil.rmtree(work, ignore_errors=True)
    (work / "snapshot").mkdir(parents=True)
    write_manifest(work / "snapshot" / "manifest.jsonl", photos)
    for name in ("photos", "features"):
        if (base / name).is_dir():
            (work / name).symlink_to(base / name, target_is_directory=True)
    if (work / "features").exists():
        write_manifest(work / PART, [])  # all are known
    labels = tuple(Label(str(digit), f"digit {digit}") for digit in range(LABELS))
    weights = shared.resolve() / "pretrained" / "squeezenet1_0-imagenet1k.safetensors"
    spec = RunSpec("sign-digits", labels, "squeezenet1_0", InputContract.of_size(224), pretrained=str(weights))
    write_json(work / "spec.json", spec.to_json())

"""The digits as two imports: what was known the night before, and what came since."""

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageEnhance

PHOTOS, NEW = 2000, 200
GOLDEN_FOLD = 0
FIELDS = ("file", "label", "volunteer", "split")


@dataclass(frozen=True, slots=True)
class Given:
    """One photo of the import."""

    file: Path
    label: str
    volunteer: str
    split: str  # "train" or "golden"


def write(folder: Path, digits: Path) -> tuple[Path, Path]:
    """Writes ``known.csv`` and ``new.csv``: 1,800 photos, and 200 by volunteers of whom the first holds none."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = read(digits)
    photos += _taken_again([photo for photo in photos if photo.split == "train"], PHOTOS - len(photos), folder)
    by_volunteer: dict[str, list[Given]] = {}
    for photo in photos:
        by_volunteer.setdefault(photo.volunteer, []).append(photo)
    new: list[Given] = []
    for name in sorted(by_volunteer, reverse=True):
        if len(new) + len(by_volunteer[name]) <= NEW:
            new += by_volunteer[name]
    known = [photo for photo in photos if photo not in new]
    return _write(folder / "known.csv", known), _write(folder / "new.csv", new)


def read_all(folder: Path) -> list[Given]:
    """What ``write`` wrote."""
    rows = [row for name in ("known", "new") for row in csv.DictReader((folder / f"{name}.csv").open(newline=""))]
    return [Given(Path(row["file"]), row["label"], row["volunteer"], row["split"]) for row in rows]


def read(digits: Path) -> list[Given]:
    """The real photos; one fold of volunteers is golden."""
    with (digits / "manifest.csv").open(newline="") as file:
        return [
            Given(
                digits / row["file"], row["label"], row["volunteer"],
                "golden" if int(row["fold"]) == GOLDEN_FOLD else "train",
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def _taken_again(photos: Sequence[Given], count: int, folder: Path) -> list[Given]:
    """Photos of the same hands, turned and lit otherwise."""
    dice = random.Random(5)
    found = []
    for number, photo in enumerate(dice.sample(photos, count)):
        path = folder / f"again-{number:03d}.jpg"
        with Image.open(photo.file) as image:
            turned = image.convert("RGB").rotate(dice.uniform(-20, 20), Image.Resampling.BICUBIC, expand=False)
            ImageEnhance.Brightness(turned).enhance(dice.uniform(0.6, 1.3)).save(path, quality=92)
        found.append(Given(path, photo.label, photo.volunteer, photo.split))
    return found


def _write(path: Path, photos: Sequence[Given]) -> Path:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(FIELDS)
        rows.writerows((photo.file, photo.label, photo.volunteer, photo.split) for photo in photos)
    return path

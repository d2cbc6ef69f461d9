"""The frozen list of photos a run learns from and is judged on. Standard library only."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.ml.problems import Checker, Problem, ProblemsFoundError, a_problem

SIDES = ("train", "golden")
PART = "part.jsonl"  # a manifest of some photos only
SAMPLES = {  # train photos that a stage looks at to see what rounding does
    "compress": 32,  # twice as many gave the same answers
    "litert": 200,  # on which the two kinds of 8-bit file are compared with float32
}
PROBED = 1500  # train photos of all labels together, on which networks are compared
MIN_TRAIN_PHOTOS = 2  # of each label: one to learn from, one to be held out inside training
SHA256 = re.compile(r"[0-9a-f]{64}")
SHOWN_FAULTS = 20  # a manifest of a million broken lines must not print a million problems


@dataclass(frozen=True, slots=True)
class ManifestPhoto:
    """One photo of a snapshot. ``photo`` and ``volunteer`` are pseudonyms; ``sha256`` is of the normalised bytes."""

    photo: str
    sha256: str
    label: str
    volunteer: str
    side: str  # "train" or "golden"
    weight: float = 1.0


FIELDS = frozenset(ManifestPhoto.__slots__)
TEXTS = FIELDS - {"weight"}
MOST_WEIGHT = 1e6


@dataclass(frozen=True, slots=True)
class SnapshotLabel:
    """How many photos a label has on each side."""

    slug: str
    name: str
    photos: int
    train: int
    golden: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``snapshot.json``: the counts people read, and the digest that names the manifest."""

    labels: tuple[SnapshotLabel, ...]
    photos: int
    volunteers: int
    train: int
    golden: int
    digest: str  # sha256 of manifest.jsonl
    optimistic: bool = False  # the same photographer may be on both sides
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``snapshot.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Snapshot":
        """Reads what ``to_json`` wrote."""
        rest = {name: raw[name] for name in cls.__slots__ if name in raw and name != "labels"}
        return cls(labels=tuple(SnapshotLabel(**label) for label in raw["labels"]), **rest)


def stream_manifest(path: Path, photos: Iterable[ManifestPhoto]) -> str:
    """Writes one photo a line, one at a time; returns the file's sha256, which names the snapshot.

    Raises ``ValueError`` for photos that are not in the order of their names, or come twice.
    """
    digest, last = hashlib.sha256(), ""
    with path.open("wb") as file:
        for photo in photos:
            if photo.photo <= last:
                raise ValueError(f"Photo {photo.photo} comes after {last}. A manifest is sorted by photo: sort first.")
            last = photo.photo
            line = (json.dumps(asdict(photo), sort_keys=True) + "\n").encode()
            digest.update(line)
            file.write(line)
    return digest.hexdigest()


def write_manifest(path: Path, photos: Iterable[ManifestPhoto]) -> str:
    """``stream_manifest`` of photos that are few enough to be sorted here."""
    return stream_manifest(path, sorted(photos, key=lambda photo: photo.photo))


def read_manifest(path: Path) -> list[ManifestPhoto]:
    """All photos of a manifest. Raises ``ProblemsFoundError``: missing, or the faulty lines by number."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise a_problem("The manifest is missing", path, "snapshot/manifest.jsonl", "Check --in.") from None
    photos: list[ManifestPhoto] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            photos.append(_read_line(line, number))
        except ProblemsFoundError as error:
            problems += error.problems
    problems += _repeated(photos)
    if problems:
        raise ProblemsFoundError(problems[:SHOWN_FAULTS])
    return photos


def sample_for(stage: str, train: Sequence[ManifestPhoto]) -> Sequence[ManifestPhoto]:
    """The few train photos that stage looks at, spread over all of them."""
    count = SAMPLES[stage]
    return train[:: max(1, len(train) // count)][:count]


def sample_labels(train: Iterable[ManifestPhoto]) -> list[ManifestPhoto]:
    """As many photos of each label, those whose digests come first: the same every night but for new ones."""
    by_label: dict[str, list[ManifestPhoto]] = {}
    for photo in sorted(train, key=lambda one: one.sha256):
        by_label.setdefault(photo.label, []).append(photo)
    each = max(MIN_TRAIN_PHOTOS, PROBED // max(1, len(by_label)))
    return [photo for label in sorted(by_label) for photo in by_label[label][:each]]


def photos_for(stage: str, photos: Sequence[ManifestPhoto], *, is_head: bool) -> Sequence[ManifestPhoto]:
    """The photos of a manifest whose bytes a stage reads. ``embed`` names its own, in ``PART``.

    ``is_head``: there is a backbone, so that fitting needs features only.
    """
    train = [photo for photo in photos if photo.side == "train" and photo.weight > 0]
    if stage in {"evaluate", "verify"}:
        return [photo for photo in photos if photo.side == "golden"]
    if stage in SAMPLES:
        return sample_for(stage, train)
    if stage == "choose":
        return sample_labels(train)
    return train if stage == "fit" and not is_head else ()


def check_enough(photos: list[ManifestPhoto], labels: Iterable[str]) -> None:
    """Raises ``ProblemsFoundError`` unless every label can be taught and judged; says all that is missing at once."""
    if not photos:
        raise a_problem("The manifest is empty", 0, "at least 2 labels with photos", "Accept photos in review first.")
    raise_all = list(_missing(photos, tuple(labels)))
    if raise_all:
        raise ProblemsFoundError(raise_all)


def _missing(photos: list[ManifestPhoto], labels: tuple[str, ...]) -> Iterator[Problem]:
    counts = {side: Counter(photo.label for photo in photos if photo.side == side) for side in SIDES}
    present = {photo.label for photo in photos}
    if len(present) == 1:
        yield Problem(
            "All photos have one label", ", ".join(sorted(present)), "at least 2 labels",
            "Collect photos of another label: a model of one answer has nothing to tell apart.",
        )  # fmt: skip
    for label in sorted(present - set(labels)):
        yield Problem(
            "A photo's label is not in the spec", label, ", ".join(labels), "Add the label, or leave its photos out."
        )
    for label in labels:
        found = counts["train"][label]
        if found < MIN_TRAIN_PHOTOS:
            yield Problem(
                f"Label {label} has too few photos to learn from", str(found), f"at least {MIN_TRAIN_PHOTOS}",
                f"Collect and accept more photos of {label}, or take the label out of this run.",
            )  # fmt: skip
        if not counts["golden"][label]:
            yield Problem(
                f"Label {label} has no golden photo to be judged on", "0", "at least 1",
                f"Accept photos of {label} by a volunteer on the golden side.",
            )  # fmt: skip


def _read_line(line: str, number: int) -> ManifestPhoto:
    try:
        raw = json.loads(line)
    except ValueError:
        raw = line
    if _is_as_written(raw):  # a night reads a hundred thousand lines several times
        return ManifestPhoto(**raw)
    check = Checker(raw, name=f"manifest line {number}", fields=ManifestPhoto.__slots__)
    photo = ManifestPhoto(
        photo=check.text("photo"),
        sha256=check.text("sha256"),
        label=check.text("label"),
        volunteer=check.text("volunteer"),
        side=check.text("side", choices=SIDES),
        weight=check.number("weight", 1.0, low=0.0, high=MOST_WEIGHT),
    )
    if not SHA256.fullmatch(photo.sha256):
        check.refuse("sha256", photo.sha256, "64 hexadecimal digits, lower case")
    check.finish()
    return photo


def _is_as_written(raw: object) -> bool:
    """Whether a line is beyond doubt; what is said of any other is up to the checker."""
    return (
        isinstance(raw, dict)
        and raw.keys() == FIELDS
        and all(type(raw[name]) is str and raw[name] for name in TEXTS)
        and raw["side"] in SIDES
        and type(raw["weight"]) is float
        and 0.0 <= raw["weight"] <= MOST_WEIGHT
        and SHA256.fullmatch(raw["sha256"]) is not None
    )


def _repeated(photos: list[ManifestPhoto]) -> list[Problem]:
    counts = Counter(photo.photo for photo in photos)
    twice = sorted(name for name, count in counts.items() if count > 1)
    return [
        Problem("A photo is listed twice in the manifest", name, "each photo once", "Remove one line.")
        for name in twice
    ]

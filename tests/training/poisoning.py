"""``python -m tests.training.poisoning DIGITS WEIGHTS``: heads that learned from digits with wrong labels, as JSON.

In a process of its own: torch stays out of the tests of what needs Django.
"""

import csv
import hashlib
import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from training.domain.shares import weigh_accounts
from training.ml.contract import InputContract, Label, ManifestPhoto, Progress, RunSpec
from training.ml.embed import embed_photos
from training.ml.engine import write_features
from training.ml.head import Examples, fit_head
from training.ml.networks import Network
from training.ml.session import open_session
from training.ml.weights import load_pretrained

GOLDEN, TRAIN = "0", {"1", "2"}  # folds
SMALL, LARGE = 0.05, 0.4  # of the train photos
WIDTH = 256  # features
QUIET = Progress("fit", out=io.StringIO())


def main() -> None:
    """Prints each golden photo's volunteer and label, and the answers of every head."""
    digits, weights = Path(sys.argv[1]), sys.argv[2]
    labels = tuple(Label(str(digit), str(digit)) for digit in range(10))
    spec = RunSpec("digits", labels, "squeezenet1_0", InputContract.of_size(64), pretrained=weights)
    with tempfile.TemporaryDirectory() as folder:
        golden, train = _read(digits, Path(folder))
        network = Network(spec.arch, spec.input, len(labels))
        loaded = load_pretrained(spec, QUIET)
        assert loaded
        network.backbone.load_state_dict(loaded.backbone)
        session = open_session(write_features(network), 1)
        parts = list(embed_photos(session, Path(folder), [*golden, *train], spec.input, QUIET, threads=1))
    found = torch.from_numpy(np.concatenate(parts).astype(np.float32))
    torch.manual_seed(1)
    found = found @ torch.randn(found.shape[1], WIDTH) / found.std()  # fewer features: solved in a second each
    seen, known = found[: len(golden)], found[len(golden) :]
    taught: dict[str, tuple[list[ManifestPhoto], dict[str, float]]] = {
        "honest": (train, {}),
        "flipped": (_flip(train, SMALL, accounts=3), {}),
        "flood": (_flip(train, LARGE, accounts=1), {}),
    }
    flood = taught["flood"][0]
    taught["flood, bounded"] = flood, weigh_accounts(Counter(photo.volunteer for photo in flood))
    answers = {name: _answer(known, photos, shares, seen) for name, (photos, shares) in taught.items()}
    truth = {"volunteers": [photo.volunteer for photo in golden], "labels": [photo.label for photo in golden]}
    sys.stdout.write(json.dumps({**truth, "answers": answers}))


def _read(digits: Path, folder: Path) -> tuple[list[ManifestPhoto], list[ManifestPhoto]]:
    golden: list[ManifestPhoto] = []
    train: list[ManifestPhoto] = []
    with (digits / "manifest.csv").open() as file:
        for row in csv.DictReader(file):
            if row["fold"] != GOLDEN and row["fold"] not in TRAIN:
                continue
            data = (digits / row["file"]).read_bytes()
            sha256 = hashlib.sha256(data).hexdigest()
            (folder / f"{sha256}.jpg").write_bytes(data)
            photo = ManifestPhoto(row["file"], sha256, row["label"], row["volunteer"], "train")
            (golden if row["fold"] == GOLDEN else train).append(photo)
    return golden, train


def _flip(photos: Sequence[ManifestPhoto], share: float, *, accounts: int) -> list[ManifestPhoto]:
    """So many of the photos as if few accounts had sent them, each with the next digit for its label."""
    flipped = round(share * len(photos))
    step = len(photos) / flipped
    chosen = {round(number * step) for number in range(flipped)}
    return [
        ManifestPhoto(one.photo, one.sha256, str((int(one.label) + 1) % 10), f"mallory {place % accounts}", "train")
        if place in chosen
        else one
        for place, one in enumerate(photos)
    ]


def _answer(
    known: torch.Tensor, photos: Sequence[ManifestPhoto], shares: Mapping[str, float], seen: torch.Tensor
) -> list[str]:
    weights = torch.tensor([shares.get(photo.volunteer, 1.0) for photo in photos])
    examples = Examples(known, torch.tensor([int(photo.label) for photo in photos]), weights)
    groups = [photo.volunteer for photo in photos]
    head = fit_head(examples, groups, taps=[WIDTH], label_count=10, progress=QUIET)
    return [str(answer) for answer in (seen @ head.weight.T + head.bias).argmax(1).tolist()]


if __name__ == "__main__":
    main()

"""Real answers for the simulation: heads of many strengths on the sign-language digits, each photo judged unseen.

Five folds by volunteer. Inside each fold one order of the train volunteers is drawn, and each head is taught by the
first so many of them: so a stronger head has seen all that a weaker one has, as tomorrow's model has seen today's
photos. "rival" is taught by as many volunteers as production, but by the last of that order: it is as good, and agrees
with production as little as two models of this data can.
"""

import csv
import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.ml.contract import InputContract, ManifestPhoto, Progress
from training.ml.embed import embed_photos
from training.ml.engine import write_features
from training.ml.networks import Network
from training.ml.session import open_session
from training.ml.weights import read_backbone

ARCH = "squeezenet1_0"
LABELS = tuple(str(digit) for digit in range(10))
SHARES = {"weakest": 0.07, "weak": 0.1, "production": 0.16, "strong": 0.26, "stronger": 0.5, "strongest": 1.0}
RIVAL = "rival"
WIDTH, STRENGTH = 80, 30.0  # of the heads: quick ones will do, since only the pairs of answers matter here
SEED = 13
Rows = list[dict[str, str]]  # photo, volunteer, label, and an answer for each model


def read_or_make(kept: Path, shared: Path) -> Rows:
    """The answers in the file ``kept``, which is written first where it is missing: that takes minutes."""
    if not kept.is_file():
        rows = _make(shared)
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part")
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        part.replace(kept)
    with kept.open(newline="") as file:
        return list(csv.DictReader(file))


def _make(shared: Path) -> Rows:
    with (shared / "sign-digits" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    features = embed(shared, rows)
    labels = np.array([row["label"] for row in rows])
    folds = np.array([int(row["fold"]) for row in rows])
    people = np.array([row["volunteer"] for row in rows])
    found: Rows = [{"photo": row["file"], "volunteer": row["volunteer"], "label": row["label"]} for row in rows]
    for fold in np.unique(folds):
        order = np.random.default_rng((SEED, int(fold))).permutation(np.unique(people[folds != fold]))
        unseen = np.flatnonzero(folds == fold)
        for name, taught in _taught(order).items():
            seen = np.isin(people, taught)
            head = make_pipeline(PCA(WIDTH, random_state=SEED), StandardScaler(), RidgeClassifier(STRENGTH))
            given = head.fit(features[seen], labels[seen]).predict(features[unseen])
            for place, answer in zip(unseen, given.tolist(), strict=True):
                found[place][name] = answer
    return found


def _taught(order: npt.NDArray[np.str_]) -> dict[str, list[str]]:
    """Which volunteers teach which head."""
    counts = {name: round(share * len(order)) for name, share in SHARES.items()}
    taught = {name: order[:count].tolist() for name, count in counts.items()}
    return taught | {RIVAL: order[-counts["production"] :].tolist()}


def embed(shared: Path, rows: Rows) -> npt.NDArray[np.float32]:
    """Features (photos, n) of the pretrained backbone."""
    network = Network(ARCH, InputContract.of_size(224), len(LABELS))
    network.backbone.load_state_dict(read_backbone(shared / "pretrained" / f"{ARCH}-imagenet1k.safetensors", ARCH))
    with tempfile.TemporaryDirectory(prefix="daybreak-gate-") as name:
        photos = [_laid_out(shared / "sign-digits" / row["file"], row, Path(name)) for row in rows]
        cores, progress = os.cpu_count() or 1, Progress("gate", human=True)
        session = open_session(write_features(network), cores)
        parts = list(embed_photos(session, Path(name), photos, network.contract, progress, threads=cores))
        return np.concatenate(parts).astype(np.float32)


def _laid_out(path: Path, row: dict[str, str], folder: Path) -> ManifestPhoto:
    """The photo where the loader looks for it: in ``folder``, under its sha256."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / f"{digest}.jpg").symlink_to(path.resolve())
    return ManifestPhoto(row["file"], digest, row["label"], row["volunteer"], "golden")

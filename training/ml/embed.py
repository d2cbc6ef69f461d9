"""Stage embed: the backbone's pooled features of train photos, so that fitting a head takes seconds.

Leaves ``features.safetensors``, a pack (``packs``) of every train photo, or only of those in ``WORK/part.jsonl`` where
there is one: a supervisor asks for what it does not have yet, and puts the packs it has into ``WORK/features/``.
Where there is no pretrained backbone it leaves a note only.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from training.ml import engine
from training.ml.contract import ManifestPhoto, Progress, RunSpec, a_problem
from training.ml.networks import Network
from training.ml.packs import Pack, PackBrokenError, features_key, open_pack, write_pack
from training.ml.photos import read_batches
from training.ml.start import BACKBONE
from training.ml.workspace import Work

PACK = "features.safetensors"
ROWS_AT_ONCE = 4096


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """See the file's first lines. Raises ``ProblemsFoundError`` for photos at fault."""
    if work.part is None:
        work.check(spec)
    started = work.result("start")
    photos = work.train() if work.part is None else work.part
    if started["backbone"] is None:
        return {"backbone": None, "photos": 0, "note": started["note"]}
    key = features_key(started["backbone"]["sha256"], spec.input.to_json())
    network = Network(spec.arch, spec.input, len(spec.labels))
    network.backbone.load_state_dict(load_file(work.stage("start") / BACKBONE))
    digests, rows = embed(network, work.photos, photos, progress, threads=spec.threads)
    write_pack(out / PACK, key, network.feature_count, digests, rows)
    return {"backbone": started["backbone"], "photos": len(photos), "note": ""}


def embed(
    network: Network, folder: Path, photos: Sequence[ManifestPhoto], progress: Progress, *, threads: int
) -> tuple[list[bytes], Iterator[bytes]]:
    """Digests and rows of one backbone, as a pack wants them. Rows are computed while they are read."""
    once = list({photo.sha256: photo for photo in photos}.values())
    rows = embed_photos(network, folder, once, progress, threads=threads)
    pieces = (np.ascontiguousarray(part.numpy(), dtype="<f2").tobytes() for part in rows)
    return [bytes.fromhex(photo.sha256) for photo in once], pieces


def embed_photos(
    network: Network, folder: Path, photos: Sequence[ManifestPhoto], progress: Progress, *, threads: int
) -> Iterator[Tensor]:
    """Float16 (some, n) in the photos' order, decoding included, in bounded memory."""
    if not photos:
        return
    compute, done = engine.open_engine(network, photos=len(photos), threads=threads), 0
    for part, pixels in read_batches(folder, photos, network.contract):
        yield compute(pixels).half()
        done += len(part)
        progress.report(done, len(photos), "photos through the backbone")


def read_features(spec: RunSpec, work: Work) -> Tensor:
    """Features float32 (train photos, n), out of ``WORK/features/`` and what ``run`` left.

    Raises ``ProblemsFoundError`` where a photo has none.
    """
    paths = [*sorted((work.folder / "features").glob("*.safetensors")), work.stage("embed") / PACK]
    key = features_key(work.result("start")["backbone"]["sha256"], spec.input.to_json())
    return gather(find_packs(paths, key), work.train())


def gather(packs: Sequence[Pack], photos: Sequence[ManifestPhoto]) -> Tensor:
    """Features float32 (photos, n). Raises ``ProblemsFoundError`` where a photo has none."""
    places: dict[bytes, tuple[int, int]] = {}
    for number, pack in enumerate(packs):
        places |= {digest: (number, row) for row, digest in enumerate(pack.digests)}
    found = [places.get(bytes.fromhex(photo.sha256)) for photo in photos]
    known = [place for place in found if place is not None]
    if len(known) < len(photos):
        raise a_problem(
            "Features of train photos are missing", f"{len(photos) - len(known)} of {len(photos)}",
            "a row in features/ or embed/ for each", "Run embed again.",
        )  # fmt: skip
    return _gather(packs, np.array(known))


def _gather(packs: Sequence[Pack], places: "np.ndarray[Any, np.dtype[np.int64]]") -> Tensor:
    """Rows by (pack, row), a few thousand at once: only the answer itself is held whole."""
    features = torch.empty(len(places), packs[0].head.width)
    for number, pack in enumerate(packs):
        shape = (pack.head.photos, pack.head.width)
        stored = np.memmap(pack.path, "<f2", "r", pack.head.rows_at, shape)
        wanted = np.flatnonzero(places[:, 0] == number)
        for start in range(0, len(wanted), ROWS_AT_ONCE):
            part = wanted[start : start + ROWS_AT_ONCE]
            features[torch.from_numpy(part)] = torch.from_numpy(stored[places[part, 1]].astype(np.float32))
    return features


def find_packs(paths: Iterable[Path], key: str) -> list[Pack]:
    """The packs with rows of that key; broken ones and others are passed over."""
    found = []
    for path in paths:
        try:
            pack = open_pack(path)
        except (PackBrokenError, FileNotFoundError):
            continue
        if pack.head.key == key and pack.head.photos:
            found.append(pack)
    return found

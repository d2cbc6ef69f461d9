"""Stage embed: the backbone's pooled features of train photos, so that fitting a head takes seconds.

Leaves ``features.safetensors``, a pack (``packs``) of every train photo, or only of those in ``WORK/part.jsonl`` where
there is one: a supervisor asks for what it does not have yet, and puts the packs it has into ``WORK/features/``.
Where there is no pretrained backbone it leaves a note only.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file
from torch import Tensor

from training.ml import engine
from training.ml.contract import ManifestPhoto, Progress, RunSpec
from training.ml.networks import Network
from training.ml.packs import features_key, write_pack
from training.ml.photos import read_batches
from training.ml.start import BACKBONE
from training.ml.stored import find_packs, gather
from training.ml.workspace import Work

PACK = "features.safetensors"


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
    packs = find_packs(
        [*sorted((work.folder / "features").glob("*.safetensors")), work.stage("embed") / PACK],
        features_key(work.result("start")["backbone"]["sha256"], spec.input.to_json()),
    )
    return gather(packs, work.train())

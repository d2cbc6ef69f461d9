"""Stage embed: the backbone's pooled features of train photos, so that fitting a head takes seconds.

Leaves ``features.safetensors``, a pack (``packs``) of every train photo, or only of those in ``WORK/part.jsonl`` where
there is one: a supervisor asks for what it does not have yet, and puts the packs it has into ``WORK/features/``.
Where there is no pretrained backbone it leaves a note only.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.ml.contract import InputContract, ManifestPhoto, Progress, RunSpec
from training.ml.packs import features_key, write_pack
from training.ml.photos import read_arrays
from training.ml.session import ONNX, Session, open_session
from training.ml.stored import find_packs, gather
from training.ml.workspace import Work

PACK = "features.safetensors"
GPU = Path("/dev/nvidiactl")  # where it is not, PyTorch need not be asked
Halves = npt.NDArray[np.float16]


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """See the file's first lines. Raises ``ProblemsFoundError`` for photos at fault."""
    backbone = work.result("start")["backbone"]
    if backbone is None:
        return {"backbone": None, "photos": 0, "note": work.result("start")["note"]}
    asked = work.train() if work.part is None else work.part
    photos = list({photo.sha256: photo for photo in asked}.values())
    key = features_key(backbone["sha256"], spec.input.to_json())
    compute = _open(spec, work.stage("start"))
    width = compute(np.zeros((1, 3, spec.input.size, spec.input.size), np.uint8)).shape[1]
    rows = embed_photos(compute, work.photos, photos, spec.input, progress, threads=spec.threads)
    pieces = (part.astype("<f2").tobytes() for part in rows)
    write_pack(out / PACK, key, width, [bytes.fromhex(photo.sha256) for photo in photos], pieces)
    return {"backbone": backbone, "photos": len(photos), "note": ""}


def embed_photos(
    compute: Session,
    folder: Path,
    photos: Sequence[ManifestPhoto],
    contract: InputContract,
    progress: Progress,
    *,
    threads: int,
) -> Iterator[Halves]:
    """Float16 (some, n) in the photos' order, decoding included, in bounded memory."""
    done = 0
    for part, pixels in read_arrays(folder, photos, contract, threads=threads):
        yield compute(pixels).astype(np.float16)
        done += len(part)
        progress.report(done, len(photos), "photos through the backbone")


def _open(spec: RunSpec, started: Path) -> Session:
    """The network that ``start`` left: on a GPU by PyTorch, else by ONNX Runtime."""
    if GPU.exists():
        from training.ml.engine import open_on_gpu

        on_gpu = open_on_gpu(started, spec)
        if on_gpu is not None:
            return on_gpu
    return open_session(started / ONNX, spec.threads)


def read_features(spec: RunSpec, work: Work) -> npt.NDArray[np.float32]:
    """Features float32 (train photos, n), out of ``WORK/features/`` and what ``run`` left.

    Raises ``ProblemsFoundError`` where a photo has none.
    """
    packs = find_packs(
        [*sorted((work.folder / "features").glob("*.safetensors")), work.stage("embed") / PACK],
        features_key(work.result("start")["backbone"]["sha256"], spec.input.to_json()),
    )
    return gather(packs, work.train())

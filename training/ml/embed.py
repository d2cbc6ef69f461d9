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

from training.ml.contract import InputContract, ManifestPhoto, Progress, RunSpec, a_problem
from training.ml.packs import Pack, PackBrokenError, features_key, open_pack, write_pack
from training.ml.photos import read_arrays
from training.ml.session import ONNX, Session, open_session
from training.ml.workspace import Work

PACK = "features.safetensors"
ROWS_AT_ONCE = 4096
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
    photos = work.train()
    packs = _find_packs(work, features_key(work.result("start")["backbone"]["sha256"], spec.input.to_json()))
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


def _gather(packs: Sequence[Pack], places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Rows by (pack, row), a few thousand at once: only the answer itself is held whole."""
    features = np.empty((len(places), packs[0].head.width), np.float32)
    for number, pack in enumerate(packs):
        shape = (pack.head.photos, pack.head.width)
        stored = np.memmap(pack.path, "<f2", "r", pack.head.rows_at, shape)
        wanted = np.flatnonzero(places[:, 0] == number)
        for start in range(0, len(wanted), ROWS_AT_ONCE):
            part = wanted[start : start + ROWS_AT_ONCE]
            features[part] = stored[places[part, 1]]
    return features


def _find_packs(work: Work, key: str) -> list[Pack]:
    """The packs with rows of that key; broken ones and others are passed over."""
    found = []
    for path in [*sorted((work.folder / "features").glob("*.safetensors")), work.stage("embed") / PACK]:
        try:
            pack = open_pack(path)
        except (PackBrokenError, FileNotFoundError):
            continue
        if pack.head.key == key and pack.head.photos:
            found.append(pack)
    return found

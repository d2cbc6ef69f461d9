"""Rows out of several packs."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.ml.contract import ManifestPhoto, a_problem
from training.ml.packs import Pack, PackBrokenError, open_pack, write_pack

ROWS_AT_ONCE = 4096


def find_packs(paths: Iterable[Path], key: str) -> list[Pack]:
    """Those with rows of that key; broken ones and others are passed over."""
    found = []
    for path in paths:
        try:
            pack = open_pack(path)
        except (PackBrokenError, FileNotFoundError):
            continue
        if pack.head.key == key and pack.head.photos:
            found.append(pack)
    return found


def gather(packs: Sequence[Pack], photos: Sequence[ManifestPhoto]) -> npt.NDArray[np.float32]:
    """Float32 (photos, width), a few thousand rows at once: only the answer itself is held whole.

    Raises ``ProblemsFoundError`` where a photo has no row.
    """
    where: dict[bytes, tuple[int, int]] = {}
    for number, pack in enumerate(packs):
        where |= {digest: (number, row) for row, digest in enumerate(pack.digests)}
    known = [place for place in (where.get(bytes.fromhex(photo.sha256)) for photo in photos) if place is not None]
    if len(known) < len(photos):
        raise a_problem(
            "Features of photos are missing", f"{len(photos) - len(known)} of {len(photos)}",
            "a row in features/ or embed/ for each", "Run embed again.",
        )  # fmt: skip
    places = np.array(known)
    features = np.empty((len(places), packs[0].head.width), np.float32)
    for number, pack in enumerate(packs):
        shape = (pack.head.photos, pack.head.width)
        stored = np.memmap(pack.path, "<f2", "r", pack.head.rows_at, shape)
        wanted = np.flatnonzero(places[:, 0] == number)
        for start in range(0, len(wanted), ROWS_AT_ONCE):
            part = wanted[start : start + ROWS_AT_ONCE]
            features[part] = stored[places[part, 1]]
    return features


def complete(
    folders: Sequence[Path], photos: Sequence[ManifestPhoto], *, key: str, width: int, path: Path,
    compute: Callable[[Sequence[ManifestPhoto]], Iterable[npt.NDArray[np.float16]]],
) -> tuple[npt.NDArray[np.float32], int]:  # fmt: skip
    """Float32 (photos, width) out of the packs in ``folders`` with that key, and how many photos had to be computed.

    ``compute`` gives the rows of photos that no pack has, in their order; they are left as a pack at ``path``, which
    must lie in one of the folders. Raises ``ValueError`` where there is one already.
    """
    packs = find_packs(sorted(pack for folder in folders for pack in folder.glob("*.safetensors")), key)
    known = {digest for pack in packs for digest in pack.digests}
    missing = list({one.sha256: one for one in photos if bytes.fromhex(one.sha256) not in known}.values())
    if missing:
        if path.exists():
            raise ValueError(f"{path} is there: a stage shows each look all its photos at once")
        digests = [bytes.fromhex(photo.sha256) for photo in missing]
        write_pack(path, key, width, digests, (part.astype("<f2").tobytes() for part in compute(missing)))
        packs += find_packs([path], key)
    return gather(packs, photos), len(missing)

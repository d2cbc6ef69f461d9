"""Packs of features: rows by photo in a safetensors file that is read, cut and joined with the standard library alone.

A pack holds ``digests`` uint8 (n, 32), the photos' sha256, and ``features`` float16 (n, width), little-endian, in that
order; its metadata's ``key`` says what the rows mean (``features_key``). A pack never changes: it is replaced.
"""

import hashlib
import json
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

ROWS = 1  # what a row is: raise it when taps, pooling or the way photos are prepared change
AS_IT_IS = "as it is"  # the view of a photo that nothing was changed on, and that is learned from
DIGEST = 32  # bytes
NUMBER = 2  # bytes of a float16
LONGEST_HEADER = 1 << 16
CHUNK = 1 << 20


class PackBrokenError(Exception):
    """The bytes are not a pack."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the first bytes of a pack say: ``photos`` rows of ``width`` numbers, and where digests and rows begin."""

    key: str
    photos: int
    width: int
    digests_at: int

    @property
    def rows_at(self) -> int:
        """Where the first row begins."""
        return self.digests_at + self.photos * DIGEST

    @property
    def row_bytes(self) -> int:
        """Of one photo's features."""
        return self.width * NUMBER


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack on disk."""

    path: Path
    head: Head
    digests: tuple[bytes, ...]


def features_key(backbone: str, contract: object, view: str = AS_IT_IS) -> str:
    """The sha256 of what a row depends on besides the photo: backbone (a sha256), input contract (JSON) and view."""
    said = json.dumps({"backbone": backbone, "input": contract, "rows": ROWS, "view": view}, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def read_head(file: BinaryIO) -> Head:
    """Reads up to the digests. Raises ``PackBrokenError``."""
    try:
        (length,) = struct.unpack("<Q", file.read(8))
        raw = json.loads(file.read(length)) if length <= LONGEST_HEADER else {}
        (photos, width), key = raw["features"]["shape"], raw["__metadata__"]["key"]
        head = Head(str(key), int(photos), int(width), 8 + int(length))
        if raw == _header(head.key, head.photos, head.width):
            return head
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise PackBrokenError(f"no pack's header: {error!r}") from error
    raise PackBrokenError("another layout than a pack's")


def read_digests(file: BinaryIO, head: Head) -> tuple[bytes, ...]:
    """The photos' sha256 in the rows' order, from where ``read_head`` stopped. Raises ``PackBrokenError``."""
    raw = file.read(head.photos * DIGEST)
    if len(raw) != head.photos * DIGEST:
        raise PackBrokenError(f"{len(raw)} bytes of digests, {head.photos * DIGEST} expected")
    return tuple(raw[at : at + DIGEST] for at in range(0, len(raw), DIGEST))


def open_pack(path: Path) -> Pack:
    """Header and digests; rows stay on disk. Raises ``PackBrokenError``."""
    with path.open("rb") as file:
        head = read_head(file)
        pack = Pack(path, head, read_digests(file, head))
    if path.stat().st_size != head.rows_at + head.photos * head.row_bytes:
        raise PackBrokenError(f"{path.stat().st_size} bytes, cut off or with something added")
    return pack


def write_pack(path: Path, key: str, width: int, digests: Sequence[bytes], rows: Iterable[bytes]) -> None:
    """``rows`` are the features' bytes in the digests' order, in pieces of any length."""
    header = json.dumps(_header(key, len(digests), width), separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # tensors begin at multiples of eight
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.writelines(digests)
        file.writelines(rows)


def join_packs(path: Path, packs: Sequence[Pack], keep: Collection[bytes] | None = None) -> int:
    """One pack of the rows of all, each photo once, only of digests in ``keep`` if given; returns how many.

    Rows are copied in pieces: memory does not grow with them. Nothing is written where no row stays. Raises
    ``PackBrokenError`` for packs that do not belong together.
    """
    key, width = packs[0].head.key, packs[0].head.width
    if any((pack.head.key, pack.head.width) != (key, width) for pack in packs):
        raise PackBrokenError("packs of several keys or widths cannot be one")
    chosen: dict[bytes, tuple[int, int]] = {}
    for number, pack in enumerate(packs):
        for row, digest in enumerate(pack.digests):
            if keep is None or digest in keep:
                chosen.setdefault(digest, (number, row))
    if chosen:
        rows = [[row for number, row in chosen.values() if number == mine] for mine in range(len(packs))]
        pieces = (piece for pack, some in zip(packs, rows, strict=True) for piece in _copy(pack, some))
        write_pack(path, key, width, list(chosen), pieces)
    return len(chosen)


def _copy(pack: Pack, rows: Sequence[int]) -> Iterator[bytes]:
    """The bytes of those rows (rising), neighbours in one piece."""
    at_once = max(1, CHUNK // pack.head.row_bytes)
    with pack.path.open("rb") as file:
        start = 0
        while start < len(rows):
            stop = start + 1
            while stop < len(rows) and stop - start < at_once and rows[stop] == rows[stop - 1] + 1:
                stop += 1
            file.seek(pack.head.rows_at + rows[start] * pack.head.row_bytes)
            yield file.read((stop - start) * pack.head.row_bytes)
            start = stop


def _header(key: str, photos: int, width: int) -> dict[str, Any]:
    middle = photos * DIGEST
    return {
        "__metadata__": {"key": key},
        "digests": {"dtype": "U8", "shape": [photos, DIGEST], "data_offsets": [0, middle]},
        "features": {
            "dtype": "F16", "shape": [photos, width], "data_offsets": [middle, middle + photos * width * NUMBER]
        },
    }  # fmt: skip

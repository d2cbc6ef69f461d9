"""Which photos are copies of each other: re-encoded, rescaled or slightly brightened, not merely alike.

``look_hash`` is a difference hash of 256 bits. Measured on the 1,753 sign-language digits (hands before plain walls,
1.5 million pairs): the closest two different photos differ in 17 bits, while 93 of 100 copies saved again at JPEG
quality 70, and 97 or more of those enlarged, dimmed or with less contrast, differ in at most 10.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

MOST_BITS = 10
HASH_BITS = 256
# An almost flat image has hardly any edge: its hash is nearly all zeros or all ones and says nothing about the scene.
PLAIN_BITS = 24
PAIRS_AT_ONCE = 500_000  # candidate pairs compared in one go: 40 MB at most

Words = NDArray[np.uint64]  # shape (photos, 4)


def find_copies(these: Sequence[str], those: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs ``(i, j)`` where hash ``these[i]`` and hash ``those[j]`` are copies; each pair once.

    Hashes are 64 hexadecimal digits; empty, malformed and nearly plain ones match nothing.
    """
    left, left_at = pack(these)
    right, right_at = pack(those)
    seen: set[tuple[int, int]] = set()
    for i, j in _near(left, right):
        fresh = set(zip(left_at[i].tolist(), right_at[j].tolist(), strict=True)) - seen
        seen |= fresh
        yield from sorted(fresh)


def find_copied(these: Sequence[str], those: Words) -> set[int]:
    """The places in ``these`` of hashes that are copies of any of ``those``, packed."""
    left, left_at = pack(these)
    return {place for i, _ in _near(left, those) for place in left_at[i].tolist()}


def pack(hashes: Sequence[str]) -> tuple[Words, NDArray[np.int64]]:
    """The comparable hashes as words, 32 bytes each, and where each stood."""
    kept = [(place, _words(text)) for place, text in enumerate(hashes) if _is_telling(text)]
    words = np.frombuffer(b"".join(raw for _, raw in kept), dtype=">u8").reshape(-1, 4).astype(np.uint64)
    return words, np.array([place for place, _ in kept], dtype=np.int64)


def _is_telling(text: str) -> bool:
    if len(text) != HASH_BITS // 4:
        return False
    try:
        bits = int(text, 16).bit_count()
    except ValueError:
        return False
    return PLAIN_BITS <= bits <= HASH_BITS - PLAIN_BITS


def _words(text: str) -> bytes:
    return int(text, 16).to_bytes(HASH_BITS // 8, "big")


def _near(left: Words, right: Words) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Index pairs within ``MOST_BITS``, some more than once.

    Two hashes within 10 bits agree wholly in at least one of 11 bands, so only pairs that share a band are compared.
    """
    if not len(left) or not len(right):
        return
    for band in np.array_split(np.arange(HASH_BITS), MOST_BITS + 1):
        for i, j in _share_band(left, right, int(band[0]), len(band)):
            near = np.bitwise_count(left[i] ^ right[j]).sum(axis=1) <= MOST_BITS
            yield i[near], j[near]


def _share_band(
    left: Words, right: Words, start: int, width: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Chunks of index pairs whose hashes agree in ``width`` bits from ``start``."""
    left_keys, right_keys = _band(left, start, width), _band(right, start, width)
    order = np.argsort(right_keys, kind="stable")
    ordered = right_keys[order]
    first = np.searchsorted(ordered, left_keys, "left")
    counts = np.searchsorted(ordered, left_keys, "right") - first
    busy = np.flatnonzero(counts)
    ends = np.cumsum(counts[busy])
    begin = 0
    while begin < len(busy):
        done = ends[begin - 1] if begin else 0
        stop = max(begin + 1, int(np.searchsorted(ends, done + PAIRS_AT_ONCE, "right")))
        rows = busy[begin:stop]
        i = np.repeat(rows, counts[rows])
        offsets = np.arange(len(i)) - np.repeat(np.cumsum(counts[rows]) - counts[rows], counts[rows])
        yield i, order[np.repeat(first[rows], counts[rows]) + offsets]
        begin = stop


def _band(words: Words, start: int, width: int) -> Words:
    """Bits ``start`` to ``start + width`` of each hash as one number; a band may span two words."""
    word, shift = divmod(start, 64)
    high = words[:, word] << np.uint64(shift)
    if shift and word + 1 < words.shape[1]:
        high = high | (words[:, word + 1] >> np.uint64(64 - shift))
    return high >> np.uint64(64 - width)

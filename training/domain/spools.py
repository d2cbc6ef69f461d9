"""Rows too many for memory: written to disk as they come, read back in the order of their names, any number of times.

Names are the hexadecimal digits of a keyed hash, so they fall evenly into buckets, and one bucket at a time is sorted:
of a million rows about 4,000.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO

SPOOL = "spool"  # folder of a night's, for as long as photos are sorted
DIGITS = 2  # of a name, which choose its bucket


class Spool:
    """Add rows, then iterate. A row is a name of hexadecimal digits and whatever JSON can say, the same when read."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._files: dict[str, TextIO] = {}

    def add(self, name: str, *rest: object) -> None:
        """One more row. Names must differ."""
        bucket = name[:DIGITS]
        file = self._files.get(bucket)
        if file is None:
            file = self._files[bucket] = (self._folder / bucket).open("w+", encoding="ascii")
        file.write(json.dumps([name, *rest]) + "\n")

    def __iter__(self) -> Iterator[list[Any]]:
        for _, file in sorted(self._files.items()):
            file.seek(0)
            yield from sorted(map(json.loads, file), key=itemgetter(0))

    def close(self) -> None:
        """No more rows, no more reading."""
        for file in self._files.values():
            file.close()


@contextmanager
def spooling(folder: Path) -> Iterator[Spool]:
    """An empty spool in a folder that is gone afterwards. Raises ``OSError`` where the disk is full."""
    shutil.rmtree(folder, ignore_errors=True)
    spool = Spool(folder)
    try:
        yield spool
    finally:
        try:
            spool.close()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

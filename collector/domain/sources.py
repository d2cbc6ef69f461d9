"""Where an import finds photos: a folder per label, a zip of such folders, or a CSV. Each is walked, never held."""

import csv
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol, TextIO

from collector.domain.uploads import MAX_BYTES
from collector.enums import PinnedSplit
from foundation.problems import Problem

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".mpo"}
KNOWN_COLUMNS = ("file", "label", "volunteer", "split")
# Photos hardly shrink in a zip. One that would grow by more than this is a bomb, or no collection of photos.
MAX_GROWTH = 20
ALLOWED = "A folder with one folder of photos per label, a zip of such folders, or a CSV with the columns file,label."


@dataclass(frozen=True)
class Item:
    """One photo of a source. ``where`` names it to people; ``read`` returns at most MAX_BYTES + 1 bytes."""

    where: str
    label: str
    read: Callable[[], bytes]
    volunteer: str = ""
    split: str = ""


class Source(Protocol):
    """Photos that can be walked any number of times."""

    notes: list[str]

    def items(self) -> Iterator[Item]:
        """One after the other, in a stable order. Raises Problem ``import-refused``."""


def open_source(path: Path) -> Source:
    """The source at ``path``. Raises Problem ``import-refused`` where there is none that we know."""
    if path.is_dir():
        return FolderSource(path)
    if not path.is_file():
        raise refuse(f"There is nothing at {path}.", do="Check the path.")
    if path.suffix.lower() == ".csv":
        return CsvSource(path)
    if zipfile.is_zipfile(path):
        return ZipSource(path)
    raise refuse(f"{path} is neither a folder nor a zip nor a CSV.", do="Give one of these.")


def refuse(detail: str, *, do: str, allowed: str = ALLOWED) -> Problem:
    """The one kind of refusal of an import; nothing has been stored when it is raised."""
    return Problem("import-refused", 400, detail, allowed=allowed, do=do)


@dataclass
class FolderSource:
    """``SOURCE/<label>/photo.jpg``, at any depth: the folder that holds a photo names its label."""

    root: Path
    notes: list[str] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """See Source."""
        others = 0
        for folder, names, files in os.walk(self.root):
            names[:] = sorted(name for name in names if not name.startswith("."))
            for name in sorted(files):
                path = Path(folder, name)
                if name.startswith(".") or path.suffix.lower() not in SUFFIXES:
                    others += 1
                    continue
                where = str(path.relative_to(self.root))
                if path.parent == self.root:
                    raise refuse(f"The photo {where} lies in no label's folder.", do="Move it into one.")
                yield Item(where, path.parent.name, _reader(path))
        self.notes = [f"{others} files that are no photos were passed over"] if others else []


@dataclass
class ZipSource:
    """The same in a zip. Nothing is unpacked to disk, so no name in it can lead anywhere."""

    path: Path
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            self._zip = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError) as error:
            raise refuse(f"The zip {self.path} cannot be read: {error}.", do="Make it again.") from error
        unpacked = sum(info.file_size for info in self._zip.infolist())
        if unpacked > MAX_GROWTH * self.path.stat().st_size + MAX_BYTES:
            raise refuse(
                f"The zip {self.path} would grow to {unpacked / 1e9:.1f} GB.",
                allowed=f"At most {MAX_GROWTH} times its own size.",
                do="Zip the photos as they are.",
            )

    def items(self) -> Iterator[Item]:
        """See Source."""
        others = 0
        for info in self._zip.infolist():
            name = PurePosixPath(info.filename.replace("\\", "/"))
            is_link = stat.S_ISLNK(info.external_attr >> 16)
            is_hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts)  # "..", too
            if info.is_dir():
                continue
            if is_link or is_hidden or name.suffix.lower() not in SUFFIXES:
                others += 1
                continue
            if info.flag_bits & 1:
                raise refuse(f"The zip {self.path} is encrypted.", do="Make one without a password.")
            if len(name.parent.parts) == 0:
                raise refuse(f"The photo {name} in the zip lies in no label's folder.", do="Move it into one.")
            yield Item(str(name), name.parent.name, self._reader(info))
        self.notes = [f"{others} files of the zip that are no photos, or links, were passed over"] if others else []

    def _reader(self, info: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            with self._zip.open(info) as file:
                return file.read(MAX_BYTES + 1)

        return read


@dataclass
class CsvSource:
    """``file,label[,volunteer][,split]``, files relative to the CSV; further columns are passed over."""

    path: Path
    notes: list[str] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        """See Source."""
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                rows = csv.DictReader(file, delimiter=self._delimiter(file), strict=True)
                self._check_columns(list(rows.fieldnames or []))
                for row in rows:
                    yield self._item(rows.line_num, row)
        except (csv.Error, UnicodeDecodeError) as error:
            raise refuse(f"The CSV {self.path} cannot be read: {error}.", do="Save it as UTF-8.") from error

    def _delimiter(self, file: TextIO) -> str:
        first = file.readline()
        file.seek(0)
        return ";" if first.count(";") > first.count(",") else ","  # spreadsheets of half of Europe write semicolons

    def _check_columns(self, columns: list[str]) -> None:
        missing = [name for name in KNOWN_COLUMNS[:2] if name not in columns]
        if missing or len(set(columns)) != len(columns):
            what = f"lacks the column '{missing[0]}'" if missing else "has a column twice"
            raise refuse(
                f"The CSV {self.path} {what}; it has {', '.join(columns)[:200] or 'no header'}.",
                allowed="file,label and, if you like, volunteer and split.",
                do="Correct its first line.",
            )
        unknown = [name for name in columns if name not in KNOWN_COLUMNS]
        self.notes = [f"columns passed over: {', '.join(unknown)}"] if unknown else []

    def _item(self, number: int, row: dict[str, str | None]) -> Item:
        name, label, volunteer, split = ((row.get(column) or "").strip() for column in KNOWN_COLUMNS)
        where = f"line {number}"
        if split not in {"", *PinnedSplit.values}:
            said = f"In {where} of {self.path} the split is '{split}'."
            raise refuse(said, allowed="train, golden or nothing.", do="Correct it.")
        path = self.path.parent / name
        if not name or not path.is_file():
            raise refuse(
                f"In {where} of {self.path} the file '{name}' does not exist.",
                allowed=f"Paths from {self.path.parent}.",
                do="Correct the line, or put the file there.",
            )
        return Item(f"{where}, {name}", label, _reader(path), volunteer, split)


def _reader(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)

    return read

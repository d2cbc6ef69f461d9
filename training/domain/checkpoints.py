"""What a training under way has reached, kept in the storage: whoever goes on with the night may be another machine."""

import contextlib
import hashlib
from pathlib import Path

from foundation import blobs
from training.domain.shifts import Shift
from training.ml import contract


def blob_key(run_id: int) -> str:
    """One a night; the file itself says what it was trained from."""
    return f"checkpoints/run-{run_id}"


def bring(shift: Shift, out: Path) -> None:
    """Puts what an earlier claim of the night has stored where the stage looks for it."""
    folder = out / contract.CHECKPOINT
    with contextlib.suppress(blobs.BlobMissing):
        fetched = blobs.fetch(blob_key(shift.run.pk), folder / "fetched")
        with fetched.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        fetched.rename(folder / f"{digest}.safetensors")


def forget(run_id: int) -> None:
    """The training is over, or nobody goes on with it."""
    blobs.delete(blob_key(run_id))


class Keeper:
    """Stores each new checkpoint of a stage that runs; ``look`` costs a glance at a folder."""

    def __init__(self, shift: Shift, out: Path) -> None:
        self._shift, self._folder = shift, out / contract.CHECKPOINT
        self._seen = {path.name for path in self._folder.glob("*.safetensors")}

    def look(self) -> None:
        """Call it with every beat. Raises ``blobs.StorageFull``."""
        for path in set(self._folder.glob("*.safetensors")):
            if path.name in self._seen:
                continue
            self._seen.add(path.name)
            with contextlib.suppress(FileNotFoundError), self._shift.holding():  # a newer one took its place
                blobs.write(blob_key(self._shift.run.pk), path)

"""Finished stages: stored by content, one row each, written under the fencing number, reused where the inputs agree."""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from foundation import blobs, jobs
from foundation.models import Job
from training.domain.shifts import NightFailedError, Shift, Told
from training.enums import StageName
from training.ml import contract
from training.models import Stage

RESULT = "result.json"
LIMIT_S = 4 * 3600.0  # a child that takes longer hangs; the slowest known, embedding 100,000 photos, takes one
ORDER = tuple(StageName)
START_MEMBERS = ("arch", "input", "pretrained", "seed", "strategy")  # of the spec


def blob_key(sha256: str) -> str:
    """Where a file of a stage lies in the storage."""
    return f"stages/{sha256}"


def digest_of(value: object) -> str:
    """Of JSON, the same for equal values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def input_digest(shift: Shift, name: StageName) -> str:
    """Of everything the stage depends on: the night's inputs and the outputs of all stages before it.

    The weights to start from depend on few of them, so that one look at them serves many nights.
    """
    if name == StageName.START:
        spec = {member: shift.run.inputs["spec"][member] for member in START_MEMBERS} | _chosen(shift)
        return digest_of({"stage": name, "spec": spec, **{what: shift.run.inputs[what] for what in ("code", "start")}})
    earlier = ORDER[: ORDER.index(name)]
    outputs = dict(shift.run.stages.filter(name__in=earlier).values_list("name", "output_digest"))
    return digest_of({"stage": name, "inputs": shift.run.inputs, "outputs": outputs})


def _chosen(shift: Shift) -> dict[str, str]:
    """``{arch}`` where the night chose among several networks."""
    row = find_stage(shift, StageName.CHOOSE)
    return {"arch": row.result["arch"]} if row and row.result else {}


def find_stage(shift: Shift, name: StageName) -> Stage | None:
    """The run's row of this stage, or None: then it has not happened."""
    return Stage.objects.filter(run=shift.run, name=name).first()


def find_twin(shift: Shift, name: StageName, digest: str) -> Stage | None:
    """An earlier finish of the same stage of this project on the same inputs, with all its files still stored."""
    twins = Stage.objects.filter(run__project=shift.run.project, name=name, input_digest=digest).order_by("id")
    return next((twin for twin in twins if all(blobs.exists(blob_key(sha)) for sha in set(twin.files.values()))), None)


def store(
    shift: Shift, name: StageName, *, digest: str, seconds: float, cpu_seconds: float, result: dict[str, Any]
) -> Stage:
    """Stores the files of ``work/<name>``, then writes the row: a reader of the row always finds the files."""
    files: dict[str, str] = {}
    folder = shift.work / name
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with shift.holding():
            blobs.write_once(blob_key(sha256), path)
        files[path.relative_to(folder).as_posix()] = sha256
        shift.beat()
    row = Stage(run=shift.run, name=name, input_digest=digest, files=files, result=result)
    row.seconds, row.cpu_seconds = seconds, cpu_seconds
    return write_row(shift, row)


def write_row(shift: Shift, row: Stage) -> Stage:
    """Writes a stage's row if the night is still ours. Raises ``jobs.LeaseLost``.

    A finished stage is progress, so the attempts count anew: only a night that breaks at one stage again and again is
    given up.
    """
    row.output_digest = digest_of(row.files or row.result)
    row.fencing = shift.lease.fencing
    try:
        with transaction.atomic():
            jobs.require(shift.lease)
            row.save(force_insert=True)
            Job.objects.filter(pk=shift.lease.job_id).update(attempts=1)
    except IntegrityError:  # the row is there already, so the night is somebody else's
        raise jobs.LeaseLost(shift.lease) from None
    return row


def reuse(shift: Shift, twin: Stage, digest: str) -> Stage:
    """Takes an earlier finish over: nothing is run, the row says where it is from."""
    row = Stage(run=shift.run, name=twin.name, input_digest=digest, files=twin.files, result=twin.result)
    row.reused_from = twin
    return write_row(shift, row)


def forget_from(shift: Shift, name: StageName) -> None:
    """Deletes the run's rows of this stage and all after it: what they were made from has changed."""
    with transaction.atomic():
        jobs.require(shift.lease)
        Stage.objects.filter(run=shift.run, name__in=ORDER[ORDER.index(name) :]).delete()


def bring(shift: Shift, name: StageName, *, run_id: int | None = None, to: str = "") -> Path | None:
    """The files of a finished stage in the work folder, of this run or another; None where that stage has no row."""
    folder = shift.work / (to or name)
    if folder.exists():
        return folder
    row = Stage.objects.filter(run=run_id or shift.run.pk, name=name).first()
    if row is None:
        return None
    fetch_files(row.files, folder)
    return folder


def fetch_files(files: Mapping[str, str], folder: Path) -> None:
    """Puts stored files into a folder. Raises ``NightFailedError`` where one is missing from the storage."""
    folder.mkdir(parents=True)
    for name, sha256 in files.items():
        try:
            blobs.fetch(blob_key(sha256), folder / name)
        except blobs.BlobMissing:
            raise NightFailedError(
                f"The file {name} of a finished stage is missing from the storage ({blob_key(sha256)}). "
                "Restore the storage, or start another night."
            ) from None


class Stopwatch:
    """Wall and CPU seconds of this process since it was made, for stages that run inside it."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def read(self) -> dict[str, float]:
        """As the row wants them."""
        return {"seconds": time.monotonic() - self._wall, "cpu_seconds": time.process_time() - self._cpu}


def pass_on(shift: Shift, name: StageName, line: contract.ProgressLine) -> None:
    """Progress as a child says it."""
    shift.tell(Told(name, line.step, line.total, line.eta_s, line.message))


def say(shift: Shift, name: StageName, message: str, *, is_done: bool = False) -> None:
    """Progress of a stage that has no steps."""
    shift.tell(Told(name, int(is_done), 1, None, message))

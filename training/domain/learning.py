"""The stages that learn: each a child on the night's folder, its output stored, or found done on the same inputs."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings

from foundation import blobs
from training.domain import probes, snapshots, stages
from training.domain.shifts import NightFailedError, Shift, Told
from training.enums import StageName
from training.ml import contract
from training.models import Run, Stage
from training.runner import children

STAGE_LIMIT_S = 4 * 3600.0  # a stage that takes longer hangs; the slowest known, embedding 100,000 photos, takes one
FIT_SPARE_S = 1800.0  # what fitting may take beyond its budget, decoding and saving included


def finish_stage(shift: Shift, name: StageName) -> Stage:
    """The stage's row: this run's own, one taken over from a run with the same inputs, or a new one after the work.

    Raises ``NightFailedError``, ``children.StageProblemError``, ``children.StageDiedError``, ``jobs.LeaseLost``,
    ``NightStoppedError``, ``snapshots.SnapshotStaleError``.
    """
    digest = stages.input_digest(shift, name)
    row = stages.find_stage(shift, name)
    if row and row.input_digest == digest:
        return row
    if row:
        stages.forget_from(shift, name)
    if name == StageName.CHOOSE and not probes.has_choice(shift):
        return probes.skip(shift, digest)
    twin = stages.find_twin(shift, name, digest)
    if twin:
        stages.say(shift, name, f"found done on the night of {twin.run.night}", is_done=True)
        return stages.reuse(shift, twin, digest)
    return _run(shift, name, digest)


def _run(shift: Shift, name: StageName, digest: str) -> Stage:
    stages.say(shift, name, "starting")
    _prepare(shift, name)
    out = shift.work / name
    out.mkdir()
    ended = children.run_child(_order(shift, name, out), hear=lambda line: _pass_on(shift, name, line), beat=shift.beat)
    try:
        result: dict[str, Any] = dict(contract.read_json(out / stages.RESULT))
    except contract.ProblemsFoundError as error:
        raise children.StageDiedError(f"{name} ended well but left no usable result. {error}") from None
    if ended.notices:
        result["notices"] = ended.notices
    stages.say(shift, name, "storing", is_done=True)
    return stages.store(shift, name, digest=digest, seconds=ended.seconds, cpu_seconds=ended.cpu_seconds, result=result)


def _pass_on(shift: Shift, name: StageName, line: contract.ProgressLine) -> None:
    shift.tell(Told(name, line.step, line.total, line.eta_s, line.message))


def _prepare(shift: Shift, name: StageName) -> None:
    """Spec, snapshot, photos, the model in production and all earlier outputs: what the child may read."""
    contract.write_json(shift.work / "spec.json", shift.run.inputs["spec"])
    for earlier in stages.ORDER[: stages.ORDER.index(name)]:
        stages.bring(shift, earlier)
    snapshots.materialise(shift)
    if name == StageName.CHOOSE:
        probes.bring_features(shift)
    if name == StageName.EMBED:
        _bring_features(shift)
    production = shift.run.inputs["production"]
    if production and stages.bring(shift, StageName.FIT, run_id=production["run"], to="production") is None:
        raise NightFailedError(
            f"The model in use, of run {production['run']}, is no longer stored. Start another night."
        )


def _bring_features(shift: Shift) -> None:
    """What the project's last night computed, as ``features/``: only photos that are new then cost anything."""
    earlier = Stage.objects.filter(run__project=shift.run.project, name=StageName.EMBED).exclude(run=shift.run)
    row = earlier.order_by("-id").first()
    if row and all(blobs.exists(stages.blob_key(sha256)) for sha256 in row.files.values()):
        stages.fetch_files(row.files, shift.work / "features")


def _order(shift: Shift, name: StageName, out: Path) -> children.Order:
    spec = shift.run.inputs["spec"]
    python = (settings.TRAINING_LITERT_PYTHON if name == StageName.LITERT else "") or sys.executable
    limit_s = 2 * spec["fit_budget_s"] + FIT_SPARE_S if name == StageName.FIT else STAGE_LIMIT_S
    return children.order_for(name.value, shift.work, out, threads=spec["threads"], limit_s=limit_s, python=python)


def is_model_of(run: Run, production: Run | None) -> bool:
    """Whether the run's candidate is, byte for byte, the model that ``production`` made."""
    if production is None:
        return False
    fits = dict(
        Stage.objects.filter(run__in=[run, production], name=StageName.FIT).values_list("run_id", "output_digest")
    )
    return run.pk != production.pk and fits.get(run.pk) is not None and fits.get(run.pk) == fits.get(production.pk)

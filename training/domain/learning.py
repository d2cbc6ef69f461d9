"""The stages that learn: each a child on the night's folder, its output stored, or found done on the same inputs."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings

from training.domain import checkpoints, embedding, materials, negatives, people, probes, shards, stages
from training.domain.shifts import NightFailedError, Shift
from training.enums import StageName
from training.ml import contract
from training.models import Run, Stage
from training.runner import children

FIT_SPARE_S = 1800.0  # what fitting may take beyond its budget, decoding and saving included


def finish_stage(shift: Shift, name: StageName) -> Stage:
    """The stage's row: this run's own, one taken over from a run with the same inputs, or a new one after the work.

    Raises ``NightFailedError``, ``children.StageProblemError``, ``children.StageDiedError``, ``jobs.LeaseLost``,
    ``NightStoppedError``, ``materials.SnapshotStaleError``.
    """
    digest = stages.input_digest(shift, name)
    row = stages.find_stage(shift, name)
    if row and row.input_digest == digest and embedding.is_whole(shift, row):
        return row
    if row:
        stages.forget_from(shift, name)
    if name == StageName.CHOOSE and not probes.has_choice(shift):
        return probes.skip(shift, digest)
    twin = stages.find_twin(shift, name, digest)
    if twin and not twin.result.get("is_stopgap") and embedding.is_whole(shift, twin):
        stages.say(shift, name, f"found done on the night of {twin.run.night}", is_done=True)
        return stages.reuse(shift, twin, digest)
    return _run(shift, name, digest)


def _run(shift: Shift, name: StageName, digest: str) -> Stage:
    stages.say(shift, name, "starting")
    _prepare(shift, name)
    out = shift.work / name
    out.mkdir()
    order = _order(shift, name, out)
    spent = _embed(shift, order) if name == StageName.EMBED else _run_child(shift, name, order)
    try:
        result: dict[str, Any] = dict(contract.read_json(out / stages.RESULT))
    except contract.ProblemsFoundError as error:
        raise children.StageDiedError(f"{name} ended well but left no usable result. {error}") from None
    if name in {StageName.CHOOSE, StageName.EVALUATE}:
        embedding.store_found(shift, name)
    if spent.notices:
        result["notices"] = spent.notices
    stages.say(shift, name, "storing", is_done=True)
    row = stages.store(shift, name, digest=digest, seconds=spent.seconds, cpu_seconds=spent.cpu_seconds, result=result)
    if name == StageName.FIT:
        checkpoints.forget(shift.run.pk)
    return row


def _run_child(shift: Shift, name: StageName, order: children.Order) -> children.Ended:
    """The stage on the photos it is known to read; on all where it wants others, which only it can tell."""
    materials.materialise(shift, _pictures_for(shift, name))
    if name == StageName.EVALUATE:
        negatives.materialise(shift)
    out = shift.work / name
    if name == StageName.FIT:
        checkpoints.bring(shift, out)
    keeper = checkpoints.Keeper(shift, out)

    def beat() -> None:
        shift.beat()
        keeper.look()

    hear = partial(stages.pass_on, shift, name)
    try:
        return children.run_child(order, hear=hear, beat=beat)
    except children.PhotosMissingError:
        materials.materialise(shift, {photo.sha256 for photo in materials.read_manifest(shift)})
        return children.run_child(order, hear=hear, beat=beat)


def _embed(shift: Shift, order: children.Order) -> children.Ended:
    missing = embedding.find_missing(shift)
    in_shards = shards.are_worth_it(shift.run, missing)
    spent = shards.embed_in_shards(shift, missing) if in_shards else embedding.embed_here(shift, order, missing)
    shards.forget(shift.run)
    embedding.write_result(shift, len(missing))
    return spent


def _pictures_for(shift: Shift, name: StageName) -> set[str]:
    """The sha256 of the photos whose bytes the stage reads."""
    is_head = embedding.find_backbone(shift) is not None
    return {photo.sha256 for photo in contract.photos_for(name, materials.read_manifest(shift), is_head=is_head)}


def _prepare(shift: Shift, name: StageName) -> None:
    """Spec, snapshot, features, the model in production and all earlier outputs: what the child may read."""
    contract.write_json(shift.work / "spec.json", shift.run.inputs["spec"])
    for earlier in stages.ORDER[: stages.ORDER.index(name)]:
        stages.bring(shift, earlier)
    embedding.bring_features(shift, name)
    if name == StageName.EVALUATE:
        contract.write_json(shift.work / contract.WANTED, people.order_volunteers(shift))
    production = shift.run.inputs["production"]
    if production and stages.bring(shift, StageName.FIT, run_id=production["run"], to="production") is None:
        raise NightFailedError(
            f"The model in use, of run {production['run']}, is no longer stored. Start another night."
        )


def _order(shift: Shift, name: StageName, out: Path) -> children.Order:
    spec = shift.run.inputs["spec"]
    python = (settings.TRAINING_LITERT_PYTHON if name == StageName.LITERT else "") or sys.executable
    limit_s = 2 * spec["fit_budget_s"] + FIT_SPARE_S if name == StageName.FIT else stages.LIMIT_S
    return children.order_for(name.value, shift.work, out, threads=spec["threads"], limit_s=limit_s, python=python)


def is_model_of(run: Run, production: Run | None) -> bool:
    """Whether the run's candidate is, byte for byte, the model that ``production`` made."""
    if production is None:
        return False
    fits = dict(
        Stage.objects.filter(run__in=[run, production], name=StageName.FIT).values_list("run_id", "output_digest")
    )
    return run.pk != production.pk and fits.get(run.pk) is not None and fits.get(run.pk) == fits.get(production.pk)

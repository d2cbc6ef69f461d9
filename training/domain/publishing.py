"""The end of a night: one release, whatever is killed when, and the run's row says how it went."""

from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from foundation import jobs
from modelhub.domain import releases
from training.domain import inputs, judging, stages
from training.domain.shifts import NightFailedError, Shift
from training.enums import GateDecision, RunState, StageName
from training.ml import contract
from training.models import Run, Stage


def finish_publish(shift: Shift, gate: Stage) -> Stage:
    """The publish stage's row; its result is ``{release}``. The hub makes one release of a run, however often asked.

    The lease is checked right before. Whoever pauses between that check and the hub's transaction can do no harm:
    everything a release is made of comes from rows that were written under a good lease.
    """
    row = stages.find_stage(shift, StageName.PUBLISH)
    if row:
        return row
    watch = stages.Stopwatch()
    digest = stages.input_digest(shift, StageName.PUBLISH)
    stages.say(shift, StageName.PUBLISH, "handing over to the hub")
    order = _order(shift, gate)
    with transaction.atomic():
        jobs.require(shift.lease)
    with shift.holding():
        release = releases.publish(**order)
    result = {"release": release.version, "iface": release.iface}
    return stages.write_row(
        shift, Stage(run=shift.run, name=StageName.PUBLISH, input_digest=digest, result=result, **watch.read())
    )


def announce(shift: Shift, gate: Stage, published: Stage | None) -> None:
    """Writes the last row, the run's outcome, and ends the job: all or nothing."""
    run = shift.run
    values: dict[str, Any] = {"decision": gate.result["decision"], "why": gate.result["why"]}
    values["state"] = RunState.PUBLISHED if published else RunState.KEPT
    values["release"] = published.result["release"] if published else ""
    result = {"state": values["state"].value, "release": values["release"], "why": values["why"]}
    digest = stages.input_digest(shift, StageName.ANNOUNCE)
    row = Stage(run=run, name=StageName.ANNOUNCE, input_digest=digest, result=result)
    with transaction.atomic():
        if stages.find_stage(shift, StageName.ANNOUNCE) is None:
            stages.write_row(shift, row)
        Run.objects.filter(pk=run.pk).update(progress={}, finished_at=Now(), **values)
        jobs.finish(shift.lease)


def _order(shift: Shift, gate: Stage) -> dict[str, Any]:
    """What the hub is asked to publish."""
    run = shift.run
    for name in (StageName.FIT, StageName.COMPRESS, StageName.LITERT):
        if stages.bring(shift, name) is None:
            raise NightFailedError(f"The output of {name} is missing, so there is nothing to publish.")
    model = contract.read_json(shift.work / StageName.FIT / "model.json")
    evaluated = run.stages.get(name=StageName.EVALUATE).result
    verified = run.stages.get(name=StageName.VERIFY).result
    shipped = set(gate.result["shipped"])
    return {
        "project_slug": run.project.slug,
        "origin": inputs.origin_of(run),
        "night": run.night,
        "labels": run.inputs["spec"]["labels"],
        "input_contract": model["input"],
        "rejection": (evaluated.get("rejection") or {}).get("shipped"),
        "metrics": _metrics(evaluated, gate.result),
        "artifacts": [_file(shift, one) for one in verified["artifacts"] if judging.name_of(one) in shipped],
    }


def _metrics(evaluated: dict[str, Any], verdict: dict[str, Any]) -> dict[str, Any]:
    names = ("golden_accuracy", "golden_balanced_accuracy", "per_label", "photos")
    measured = {name: evaluated[name] for name in names if name in evaluated}
    return {**measured, "gate": {"decision": GateDecision(verdict["decision"]).value, "why": verdict["why"]}}


def _file(shift: Shift, artifact: dict[str, Any]) -> releases.ArtifactFile:
    return releases.ArtifactFile(
        path=shift.work / artifact["file"],
        runtime=artifact["runtime"],
        precision=artifact["precision"],
        format=artifact["format"],
        sha256=artifact["sha256"],
        size_bytes=int(artifact["bytes"]),
        tensor_input=dict(artifact["tensor_input"]),
        golden_accuracy=float(artifact["golden_accuracy"]),
        flips_vs_fp32=float(artifact["flips_vs_fp32"]),
        verified_by=artifact["verified_by"],
    )

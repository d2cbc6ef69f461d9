"""The gate's stage: gathers the figures of a finished candidate, has them judged, writes the verdict down."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from training.domain import comparing, gates, inputs, learning, manifests, stages
from training.domain.shifts import NightFailedError, Shift
from training.enums import RunState, StageName
from training.models import Run, Stage

BEST_OF = timedelta(days=90)
PREDICTIONS = "predictions.jsonl"


def finish_gate(shift: Shift) -> Stage:
    """The gate's row, written now unless it is there. Its result is ``{decision, why, figures, shipped, withheld}``."""
    watch = stages.Stopwatch()
    production = inputs.find_production(shift.run.project)
    known = inputs.known_labels(shift.run.project)
    digest = stages.digest_of([stages.input_digest(shift, StageName.GATE), known, production and production.pk])
    row = stages.find_stage(shift, StageName.GATE)
    if row:  # decided once: what has been decided is not decided again because another night was quicker
        return row
    stages.say(shift, StageName.GATE, "comparing with the model in use")
    verdict = gates.decide(gather(shift, production, known))
    result = {
        "decision": verdict.decision.value,
        "why": verdict.why,
        "figures": dict(verdict.figures),
        "shipped": list(verdict.shipped),
        "withheld": dict(verdict.withheld),
    }
    return stages.write_row(
        shift, Stage(run=shift.run, name=StageName.GATE, input_digest=digest, result=result, **watch.read())
    )


def gather(shift: Shift, production: Run | None, known: list[str] | None) -> gates.Evidence:
    """Everything the gate looks at, read from the finished stages."""
    project = shift.run.project
    folder = stages.bring(shift, StageName.EVALUATE)
    if folder is None:
        raise NightFailedError("The candidate has not been evaluated.")
    lines = list(_read(folder / PREDICTIONS))
    return gates.Evidence(
        answers=[_answer(line, line.get("production_answer"), line.get("production_probability")) for line in lines],
        artifacts=_candidates(shift.run),
        labels=[label["slug"] for label in shift.run.inputs["spec"]["labels"]],
        margin=project.margin,
        known=known,
        known_bytes={one.name: one.bytes for one in _candidates(production)} if production else {},
        best=_against_best(shift.run, lines, production),
        is_unchanged=learning.is_model_of(shift.run, production),
    )


def name_of(artifact: dict[str, Any]) -> str:
    """How the gate and people call an artifact: "litert int8"."""
    return f"{artifact['runtime']} {artifact['precision']}"


def _candidates(run: Run) -> list[gates.Candidate]:
    verified = Stage.objects.filter(run=run, name=StageName.VERIFY).first()
    return [
        gates.Candidate(name_of(one), int(one["bytes"]), float(one["flips_vs_fp32"]), str(one.get("mark") or ""))
        for one in (verified.result["artifacts"] if verified else [])
    ]


def _answer(line: dict[str, Any], other: str | None, other_sure: float | None = None) -> comparing.Answer:
    return comparing.Answer(line["volunteer"], line["label"], line["answer"], other, line["probability"], other_sure)


def _against_best(run: Run, lines: list[dict[str, Any]], production: Run | None) -> list[comparing.Answer]:
    """Tonight's answers beside those of the best release of 90 days, on the golden photos both were judged on.

    Empty where that release is the one in use, or there is none. Only photos of labels both can answer count.
    """
    since = timezone.now() - BEST_OF
    published = Stage.objects.filter(
        run__project=run.project, run__state=RunState.PUBLISHED, run__finished_at__gte=since, name=StageName.EVALUATE
    ).exclude(run=run)
    rows = published.select_related("run").order_by("-run_id")
    best = max(rows, key=lambda row: float(row.result.get("golden_accuracy") or 0), default=None)
    if best is None or production is None or best.run_id == production.pk or PREDICTIONS not in best.files:
        return []
    then = {line["photo"]: line for line in manifests.read_lines(best, PREDICTIONS)}
    taught = {label["slug"] for label in best.run.inputs["spec"]["labels"]}
    return [
        _answer(line, then[line["photo"]]["answer"])
        for line in lines
        if line["photo"] in then and line["label"] in taught
    ]


def _read(path: Path) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in path.read_text("utf-8").splitlines() if line)

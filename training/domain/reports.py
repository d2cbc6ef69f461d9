"""A night in figures and in words: what ``nightly --json`` writes and the run's page shows."""

from typing import Any

from training.domain.queries import stages_of
from training.enums import RunState, StageName
from training.models import Run, Stage

COUNTS = ("photos", "volunteers", "train", "golden")
MEASURED = ("runtime", "precision", "bytes", "sha256", "golden_accuracy", "flips_vs_fp32", "verified_by")


def summary(run: Run) -> dict[str, Any]:
    """The members of ``nightly --json``. What a night did not reach is None or empty; ``gate.why`` always says why."""
    done = stages_of(run)
    return {
        "run": run.pk,
        "night": run.night.isoformat(),
        "snapshot": _snapshot(done.get(StageName.SNAPSHOT)),
        "strategy": strategy(run),
        "candidate": _candidate(run, done.get(StageName.EVALUATE)),
        "stability": _stability(done.get(StageName.EVALUATE)),
        "artifacts": _artifacts(done.get(StageName.VERIFY)),
        "gate": {"decision": run.decision or None, "why": headline(run) if run.state == RunState.KEPT else run.why},
        "release": run.release or None,
        "seconds": {name: round(stage.seconds, 2) for name, stage in done.items()},
        "cpu_seconds": round(sum(stage.cpu_seconds for stage in done.values()), 2),
    }


def headline(run: Run) -> str:
    """One sentence: how the night ended, or where it is."""
    match run.state:
        case RunState.PUBLISHED:
            return f"Published release {run.release}: {run.why}"
        case RunState.KEPT:
            return f"Kept last night's model: {run.why}"
        case RunState.FAILED:
            return f"Failed: {run.why}"
        case RunState.RUNNING:
            stage = run.progress.get("stage", "the first stage")
            return f"Running: {stage}. {run.progress.get('message', '')}".strip()
    return "Waiting for a training worker."


def label_rows(run: Run) -> list[dict[str, Any]]:
    """One row a label: slug, name, photos, train, golden, recall (None until evaluated)."""
    done = stages_of(run)
    snapshot, evaluated = done.get(StageName.SNAPSHOT), done.get(StageName.EVALUATE)
    recalls = recall_by_label(evaluated.result) if evaluated else {}
    rows = snapshot.result.get("labels", []) if snapshot else []
    return [{**row, "recall": recalls.get(row["slug"])} for row in rows]


def notices(run: Run) -> list[str]:
    """What a person should know that did not stop the night: labels not taught, photos left out, no start weights."""
    results = [stage.result for stage in stages_of(run).values()]
    notes = [f"The accuracy is {result['note']}." for result in results if result.get("optimistic")]
    return notes + [str(line) for result in results for line in result.get("notices", [])]


def say_erased(run: Run) -> str:
    """One sentence where the night learned from photos that are erased since; else empty."""
    if not run.photos_erased:
        return ""
    photos = "1 photo that was" if run.photos_erased == 1 else f"{run.photos_erased:,} photos that were"
    last = f", the last on {run.last_erased_at.date()}" if run.last_erased_at else ""
    return f"Learned from {photos} erased since{last}. No later night learns from erased photos."


def strategy(run: Run) -> dict[str, str] | None:
    """``name`` of how the candidate learned, and ``why``; None until it has."""
    stage = stages_of(run).get(StageName.FIT)
    if stage is None:
        return None
    found = stage.result.get("strategy", {})
    return {"name": str(found.get("name", "")), "why": str(found.get("why", ""))}


def recall_by_label(evaluated: dict[str, Any]) -> dict[str, float]:
    """Slug to the share of the label's golden photos that were answered rightly, from evaluate's result."""
    return {slug: float(row["accuracy"]) for slug, row in evaluated.get("per_label", {}).items()}


def _snapshot(stage: Stage | None) -> dict[str, int] | None:
    if stage is None:
        return None
    counts = {name: int(stage.result[name]) for name in COUNTS}
    return {"photos": counts["photos"], "labels": len(stage.result["labels"]), **counts}


def _candidate(run: Run, stage: Stage | None) -> dict[str, Any] | None:
    if stage is None:
        return None
    accuracies = {name: stage.result.get(name) for name in ("golden_accuracy", "golden_balanced_accuracy")}
    return {"arch": run.inputs.get("spec", {}).get("arch"), **accuracies}


def _stability(stage: Stage | None) -> dict[str, Any] | None:
    """How often a shaking hand flips the answer, with ``production``'s beside it; None until it was measured."""
    found = stage.result.get("stability") if stage else None
    if stage is None or found is None:
        return None
    return {**found, "production": (stage.result.get("production") or {}).get("stability")}


def _artifacts(stage: Stage | None) -> list[dict[str, Any]]:
    entries = stage.result.get("artifacts", []) if stage else []
    return [{name: entry.get(name) for name in MEASURED} for entry in entries]

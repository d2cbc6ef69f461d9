"""A night in figures and in words: what ``nightly --json`` writes and the run's page shows."""

from collections.abc import Sequence
from typing import Any

from training.domain.intervals import wilson
from training.domain.queries import stages_of
from training.enums import RunState, StageName
from training.models import Run, Stage

FEW_GOLDEN = 100  # below it the 95% interval of a share may be 20 points wide
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
        "cost": _cost(done.get(StageName.EVALUATE)),
        "choice": choice(run),
        "artifacts": _artifacts(done.get(StageName.VERIFY)),
        "gate": {"decision": run.decision or None, "why": headline(run) if run.state == RunState.KEPT else run.why},
        "release": run.release or None,
        "seconds": {name: round(stage.seconds, 2) for name, stage in done.items()},
        "cpu_seconds": round(sum(stage.cpu_seconds for stage in done.values()), 2),
        "cpu_seconds_by_stage": {name: round(stage.cpu_seconds, 2) for name, stage in done.items()},
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
    """One row a label: slug, name, photos, train, golden, and how the candidate and production did on it.

    ``recall`` is the candidate's share of golden photos named rightly; ``candidate`` and ``production`` are ``{recall,
    low, high, correct, photos}`` with the ends of the 95% interval. All are None until evaluated, production's also
    where it does not know the label or there was no release.
    """
    done = stages_of(run)
    snapshot, evaluated = done.get(StageName.SNAPSHOT), done.get(StageName.EVALUATE)
    result = evaluated.result if evaluated else {}
    ours, theirs = _label_scores(result), _label_scores(result.get("production") or {})
    rows = snapshot.result.get("labels", []) if snapshot else []
    return [{**row, **_beside(ours.get(row["slug"]), theirs.get(row["slug"]))} for row in rows]


def news_since(nights: Sequence[Run]) -> dict[str, Any] | None:
    """What the first of the nights had that the latest one before it had not; None where either is not known.

    ``night`` is the earlier one; ``photos`` and ``volunteers`` are differences, negative where there are fewer now;
    ``new_labels`` and ``gone_labels`` are names; ``grown`` are (name, more photos) of labels that both nights had.
    """
    frozen = [(run, stages_of(run).get(StageName.SNAPSHOT)) for run in nights]
    tonight, earlier = frozen[0][1], next(((run, row) for run, row in frozen[1:] if row), None)
    if tonight is None or earlier is None or earlier[1] is None:
        return None
    now, then = tonight.result, earlier[1].result
    here, there = ({label["slug"]: label for label in one["labels"]} for one in (now, then))
    more = [(here[slug]["name"], here[slug]["photos"] - there[slug]["photos"]) for slug in here if slug in there]
    return {
        "night": earlier[0].night,
        **{name: int(now[name]) - int(then[name]) for name in ("photos", "volunteers")},
        "new_labels": [here[slug]["name"] for slug in here if slug not in there],
        "gone_labels": [there[slug]["name"] for slug in there if slug not in here],
        "grown": [(name, count) for name, count in more if count > 0],
    }


def notices(run: Run) -> list[str]:
    """What a person should know that did not stop the night: labels not taught, photos left out, no start weights."""
    done = stages_of(run)
    results = [stage.result for stage in done.values()]
    notes = [f"The accuracy is {result['note']}." for result in results if result.get("optimistic")]
    notes += _say_few_golden(done.get(StageName.EVALUATE))
    return notes + [str(line) for result in results for line in result.get("notices", [])]


def _say_few_golden(stage: Stage | None) -> list[str]:
    """How wide the interval is, where so few photos judged that the share alone would mislead."""
    if stage is None or not 0 < int(stage.result.get("photos", 0)) < FEW_GOLDEN:
        return []
    photos = int(stage.result["photos"])
    correct = sum(int(row["correct"]) for row in stage.result.get("per_label", {}).values())
    low, high = wilson(correct, photos)
    said = (
        f"Judged on few photos: {correct} of {photos} golden ones right, so the accuracy may be anything from "
        f"{low:.0%} to {high:.0%} (95% interval)."
    )
    return [said]


def say_erased(run: Run) -> str:
    """One sentence where the night learned from photos that are erased since; else empty."""
    if not run.photos_erased:
        return ""
    photos = "1 photo that was" if run.photos_erased == 1 else f"{run.photos_erased:,} photos that were"
    last = f", the last on {run.last_erased_at.date()}" if run.last_erased_at else ""
    return f"Learned from {photos} erased since{last}. No later night learns from erased photos."


def arch(run: Run) -> str:
    """The network that was taught; until that is chosen the first one the project names."""
    return str((choice(run) or run.inputs.get("spec", {})).get("arch", ""))


def choice(run: Run) -> dict[str, Any] | None:
    """What stage choose found (``candidates`` with their figures, ``left_out``, ``why``); None where one was named."""
    stage = stages_of(run).get(StageName.CHOOSE)
    return stage.result or None if stage else None


def strategy(run: Run) -> dict[str, str] | None:
    """``name`` of how the candidate learned, and ``why``; None until it has."""
    stage = stages_of(run).get(StageName.FIT)
    if stage is None:
        return None
    found = stage.result.get("strategy", {})
    return {"name": str(found.get("name", "")), "why": str(found.get("why", ""))}


def rejection(run: Run) -> dict[str, Any] | None:
    """When the candidate answers none of these, as evaluate wrote it; None where it did not look.

    Each threshold's ``negatives``, ``right`` and ``wrong`` golden photos have ``{photos, none, share, low, high}``: how
    many are answered none of these, and the share with its 95% interval, or None where there is no such photo.
    """
    stage = stages_of(run).get(StageName.EVALUATE)
    found = stage.result.get("rejection") if stage else None
    if found is None:
        return None
    kinds = ("negatives", "right", "wrong")
    rows = [{**row, **{kind: _none_share(row[kind]) for kind in kinds}} for row in found["thresholds"]]
    return {**found, "thresholds": rows}


def _none_share(row: dict[str, int]) -> dict[str, Any] | None:
    if not row["photos"]:
        return None
    low, high = wilson(row["none"], row["photos"])
    return {**row, "share": row["none"] / row["photos"], "low": low, "high": high}


def _beside(candidate: dict[str, Any] | None, production: dict[str, Any] | None) -> dict[str, Any]:
    return {"recall": candidate["recall"] if candidate else None, "candidate": candidate, "production": production}


def _label_scores(scores: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Slug to its share with its interval, from what evaluate wrote of one model."""
    known = scores.get("labels")  # production says which labels it can answer
    return {
        slug: {"recall": float(row["accuracy"]), **_interval(row), "correct": row["correct"], "photos": row["photos"]}
        for slug, row in scores.get("per_label", {}).items()
        if known is None or slug in known
    }


def _interval(row: dict[str, Any]) -> dict[str, float]:
    return dict(zip(("low", "high"), wilson(int(row["correct"]), int(row["photos"])), strict=True))


def _snapshot(stage: Stage | None) -> dict[str, int] | None:
    if stage is None:
        return None
    counts = {name: int(stage.result[name]) for name in COUNTS}
    return {"photos": counts["photos"], "labels": len(stage.result["labels"]), **counts}


def _candidate(run: Run, stage: Stage | None) -> dict[str, Any] | None:
    if stage is None:
        return None
    accuracies = {name: stage.result.get(name) for name in ("golden_accuracy", "golden_balanced_accuracy")}
    return {"arch": arch(run), **accuracies}


def _stability(stage: Stage | None) -> dict[str, Any] | None:
    """How often a shaking hand flips the answer, with ``production``'s beside it; None until it was measured."""
    found = stage.result.get("stability") if stage else None
    if stage is None or found is None:
        return None
    return {**found, "production": (stage.result.get("production") or {}).get("stability")}


def _cost(stage: Stage | None) -> dict[str, Any] | None:
    """What an answer of the candidate costs, as ``evaluate`` found it; None until it was measured."""
    found: dict[str, Any] | None = stage.result.get("cost") if stage else None
    return found


def _artifacts(stage: Stage | None) -> list[dict[str, Any]]:
    entries = stage.result.get("artifacts", []) if stage else []
    return [{name: entry.get(name) for name in MEASURED} for entry in entries]

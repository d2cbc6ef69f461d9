"""A model card: all that whoever uses a night's model should know of it, from stored rows alone, and naming nobody.

After Mitchell and others, "Model cards for model reporting" (2019, arXiv 1810.03993).
"""

from collections import defaultdict
from typing import Any

from collector.domain import results
from collector.models import Condition, Project
from foundation.problems import Problem
from training.domain import files, reports
from training.domain.intervals import wilson
from training.domain.queries import stages_of
from training.enums import StageName
from training.models import Run, Stage

COUNTS = ("photos", "train", "golden", "volunteers", "optimistic", "digest")


def make_card(project: Project, run: Run) -> dict[str, Any]:
    """The card as plain JSON; shares are of 1, intervals 95%. Raises Problem ``no-model-card`` (404)."""
    done = stages_of(run)
    if not {StageName.SNAPSHOT, StageName.FIT, StageName.EVALUATE} <= done.keys():
        raise Problem(
            "no-model-card",
            404,
            f"The night of {run.night} has no model card: it judged no model.",
            allowed="a night that got as far as the stage evaluate",
            do="Look at the page of the night for how far it came.",
        )
    frozen, judged = done[StageName.SNAPSHOT].result, done[StageName.EVALUATE].result
    return {
        "project": {"slug": project.slug, "name": project.name},
        "night": run.night.isoformat(),
        "release": run.release or None,
        "labels": reports.label_rows(run),
        "conditions": _conditions(project, run),
        "data": {**{name: frozen.get(name) for name in COUNTS}, "photos_erased_since": run.photos_erased},
        "training": _training(run, done[StageName.FIT].result, done.get(StageName.EMBED)),
        "input": run.inputs.get("spec", {}).get("input"),
        "results": {
            **_results(judged),
            "rejection": reports.rejection(run),
            "calibration": _calibration(done.get(StageName.GATE)),
        },
        "files": files.files_of(run),
        "gate": {"decision": run.decision or None, "why": run.why},
        "licence": project.licence or None,
    }


def _training(run: Run, fitted: dict[str, Any], embedded: Stage | None) -> dict[str, Any]:
    spec = run.inputs.get("spec", {})
    backbone = (embedded.result.get("backbone") if embedded else None) or {}
    return {
        "arch": spec.get("arch"),
        "strategy": fitted.get("strategy"),
        "start_weights": {"source": backbone.get("source"), "sha256": backbone.get("sha256")} if backbone else None,
        "seed": spec.get("seed"),
        "code": run.inputs.get("code"),
    }


def _calibration(gate: Stage | None) -> dict[str, float] | None:
    """How far the candidate's probabilities are off; None where the gate did not look."""
    found = gate.result.get("figures", {}).get("calibration") if gate else None
    return {name: found["candidate"][name] for name in ("error", "overconfidence")} if found else None


def _results(judged: dict[str, Any]) -> dict[str, Any]:
    correct = sum(int(row["correct"]) for row in judged["per_label"].values())
    photos = sum(int(row["photos"]) for row in judged["per_label"].values())
    return {
        **_share(correct, photos),
        "balanced_accuracy": judged.get("golden_balanced_accuracy"),
        "without_antialiasing": judged.get("antialias_off_accuracy"),
        "stability": judged.get("stability"),
    }


def _conditions(project: Project, run: Run) -> list[dict[str, Any]]:
    """All labels together, condition by condition, in the project's order: where a reviewer confirmed it."""
    counts: dict[Condition, list[int]] = defaultdict(lambda: [0, 0])
    for row in results.of_night(project, run.night):
        if row.condition:
            counts[row.condition][0] += row.correct
            counts[row.condition][1] += row.photos
    ordered = sorted(counts.items(), key=lambda pair: (pair[0].position, pair[0].slug))
    return [{"slug": one.slug, "name": one.name, "axis": one.axis, **_share(*found)} for one, found in ordered]


def _share(correct: int, photos: int) -> dict[str, Any]:
    low, high = wilson(correct, photos)
    return {"correct": correct, "photos": photos, "accuracy": round(correct / photos, 6), "low": low, "high": high}

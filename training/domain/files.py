"""A night's files: how large, how often right, and whether phones get them."""

from typing import Any

from training.domain.intervals import wilson
from training.domain.judging import name_of
from training.domain.queries import stages_of
from training.enums import StageName
from training.models import Run

SHIPPED, WITHHELD, KEPT = "shipped", "withheld", "not released"
MEASURED = ("runtime", "precision", "bytes", "sha256", "golden_accuracy", "flips_vs_fp32", "verified_by")


def files_of(run: Run) -> list[dict[str, Any]]:
    """The files that ``verify`` ran, the smallest first.

    Besides what it measured: ``low`` and ``high``, the 95% interval of the accuracy (None where it is not known on how
    many photos); ``state``, shipped, withheld or not released; and ``reason``, why it is withheld.
    """
    done = stages_of(run)
    if StageName.VERIFY not in done:
        return []
    judged = done[StageName.EVALUATE].result if StageName.EVALUATE in done else {}
    photos = sum(int(row["photos"]) for row in judged.get("per_label", {}).values())
    withheld = (done[StageName.GATE].result if StageName.GATE in done else {}).get("withheld", {})
    rows = [_describe(run, entry, photos, withheld) for entry in done[StageName.VERIFY].result.get("artifacts", [])]
    return sorted(rows, key=lambda row: (row["bytes"], row["runtime"], row["precision"]))


def _describe(run: Run, entry: dict[str, Any], photos: int, withheld: dict[str, str]) -> dict[str, Any]:
    low, high = wilson(round(entry["golden_accuracy"] * photos), photos) if photos else (None, None)
    reason = withheld.get(name_of(entry), "")
    state = WITHHELD if reason else SHIPPED if run.release else KEPT
    return {
        **{name: entry.get(name) for name in MEASURED},
        "low": low,
        "high": high,
        "state": state,
        "reason": reason,
    }

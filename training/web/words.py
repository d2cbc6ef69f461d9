"""A night as the pages say it: figures turned into words a person can read aloud."""

from typing import Any

from training.domain import queries, reports
from training.enums import RunState, StageName
from training.models import Run

NOTHING = "\N{EN DASH}"
STATE_WORDS = {
    RunState.QUEUED: ("waiting", ""),
    RunState.RUNNING: ("running", "busy"),
    RunState.PUBLISHED: ("published", "good"),
    RunState.KEPT: ("kept last night's model", ""),
    RunState.FAILED: ("failed", "bad"),
}
STAGE_WORDS = {
    StageName.SNAPSHOT: "Freeze the accepted photos and split them",
    StageName.CHOOSE: "Choose among the networks named",
    StageName.START: "Get the weights to start from",
    StageName.EMBED: "Look at each new photo once",
    StageName.FIT: "Learn from the training photos",
    StageName.EVALUATE: "Judge on the golden photos",
    StageName.COMPRESS: "Make it small; write Core ML and ONNX",
    StageName.LITERT: "Write LiteRT",
    StageName.VERIFY: "Run every file as a phone would",
    StageName.GATE: "Decide: publish, or keep last night's",
    StageName.PUBLISH: "Hand the files to the hub and sign",
    StageName.ANNOUNCE: "Tell what came of it",
}
RUNTIME_WORDS = {"coreml": "Core ML", "litert": "LiteRT", "onnx": "ONNX"}
PRECISION_WORDS = {"fp32": "32-bit", "fp16": "16-bit", "int8": "8-bit"}


def describe_night(run: Run) -> dict[str, Any]:
    """One row of the list."""
    summary = reports.summary(run)
    state, tone = STATE_WORDS[RunState(run.state)]
    return {
        "night": run.night,
        "state": state,
        "tone": tone,
        "said": run.why if queries.is_finished(run) else reports.headline(run),
        "photos": (summary["snapshot"] or {}).get("photos"),
        "accuracy": (summary["candidate"] or {}).get("golden_accuracy"),
        "accuracy_words": percent((summary["candidate"] or {}).get("golden_accuracy")),
        "release": run.release,
        "took": duration(sum(summary["seconds"].values())) if summary["seconds"] else NOTHING,
    }


def describe_run(run: Run) -> dict[str, Any]:
    """Everything the page of one night shows."""
    summary = reports.summary(run)
    return {
        **describe_night(run),
        "headline": reports.headline(run),
        "cpu": duration(summary["cpu_seconds"]),
        "reused": [name for name, stage in queries.stages_of(run).items() if stage.reused_from_id],
        "progress": describe_progress(run),
        "figures": _figures(summary),
        "stability": say_stability(summary["stability"]),
        "strategy": summary["strategy"],
        "arch": (summary["candidate"] or {}).get("arch"),
        "notices": [said for said in (reports.say_erased(run), *reports.notices(run)) if said],
    }


def describe_progress(run: Run) -> dict[str, Any]:
    """``queries.progress_of`` with the words beside the figures; what the page's script polls."""
    progress = queries.progress_of(run)
    state, tone = STATE_WORDS[RunState(run.state)]
    stages = [
        {
            **stage,
            "words": STAGE_WORDS[StageName(stage["name"])],
            "state_words": "not reached" if progress["is_finished"] and stage["state"] == "waiting" else stage["state"],
            "took": duration(stage["seconds"]),
        }
        for stage in progress["stages"]
    ]
    return {**progress, "state_words": state, "tone": tone, "headline": reports.headline(run), "stages": stages}


def name_of(artifact: dict[str, Any]) -> str:
    """The file in people's words, such as ``LiteRT, 8-bit``."""
    runtime, precision = artifact["runtime"], artifact["precision"]
    return f"{RUNTIME_WORDS.get(runtime, runtime)}, {PRECISION_WORDS.get(precision, precision)}"


def percent(share: float | None) -> str:
    """``0.9637`` as ``96.4%``. Never rounded up to a perfect score."""
    if share is None:
        return NOTHING
    return f"{min(share * 100, 99.9) if share < 1 else 100:.1f}%"


def duration(seconds: float | None) -> str:
    """``75.2`` as ``1 min 15 s``."""
    if seconds is None:
        return NOTHING
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {left} s"
    return f"{seconds:.1f} s"


def say_stability(stability: dict[str, Any] | None) -> str:
    """How often a shaking hand changes the answer, in one sentence; empty where nobody measured it."""
    if stability is None:
        return ""
    looks = f"{stability['views_of_each']} views of each of {stability['photos']:,} golden photos"
    before = stability["production"]
    beside = f"; with the model in production before, {percent(before['photos_flipped'])}" if before else ""
    flipped = percent(stability["photos_flipped"])
    return f"When the hand shakes a little, {flipped} of photos change their answer within a second ({looks}){beside}."


def _figures(summary: dict[str, Any]) -> list[tuple[str, str]]:
    snapshot, candidate = summary["snapshot"] or {}, summary["candidate"]
    counts = [(name, f"{snapshot[key]:,}") for name, key in _COUNTED.items() if key in snapshot]
    if candidate is None:
        return counts
    accuracy = ("golden accuracy", percent(candidate["golden_accuracy"]))
    balanced = ("balanced over labels", percent(candidate["golden_balanced_accuracy"]))
    return [accuracy, balanced, *counts]


_COUNTED = {
    "photos": "photos",
    "labels": "labels",
    "volunteers": "volunteers",
    "to learn from": "train",
    "golden, to judge on": "golden",
}

"""How a demo ends: one table of the nights, one of the phone, and the same as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from config.demo.phone import Answer, accuracy


@dataclass
class Outcome:
    """All that a demo found out."""

    nights: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    first_accuracy: float | None = None  # of the first release, on photos of the labels it knows
    colour_histogram_accuracy: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)  # since the demo's start, by milestone

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` writes."""
        client = {
            "accuracy": round(accuracy(self.answers), 4) if self.answers else None,
            "colour_histogram_accuracy": _rounded(self.colour_histogram_accuracy),
            "first_release_accuracy": _rounded(self.first_accuracy),
            "answers": [answer.to_json() for answer in self.answers],
        }
        return {"nights": self.nights, "client": client, "seconds": self.seconds}


def print_tables(console: Console, outcome: Outcome) -> None:
    """The closing summary."""
    console.print()
    console.print(_nights_table(outcome.nights))
    for night in outcome.nights:
        console.print(f"  {night['night']}: {night['gate']['why']}", markup=False, highlight=False)
    artifacts: list[dict[str, Any]] = next(
        (night["artifacts"] for night in reversed(outcome.nights) if night["release"]), []
    )
    if artifacts:
        console.print(_artifacts_table(artifacts))
    console.print(_phone_table(outcome))


def _nights_table(nights: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Nights", title_justify="left")
    for name in (
        "night",
        "photos",
        "labels",
        "golden",
        "learned",
        "golden right",
        "decision",
        "seconds",
    ):
        is_count = name in {"photos", "labels", "golden", "seconds"}
        table.add_column(name, justify="right" if is_count else "left", no_wrap=name == "night")
    for night in nights:
        snapshot, candidate = night["snapshot"] or {}, night["candidate"] or {}
        counts = [str(snapshot.get(name, "")) for name in ("photos", "labels", "golden")]
        decision = {"publish": "published", "keep": "kept last night's model"}.get(
            night["gate"]["decision"] or "", "failed"
        )
        learned = (night["strategy"] or {}).get("name", "")
        seconds = f"{sum(night['seconds'].values()):.0f}"
        right = _percent(candidate.get("golden_accuracy"))
        table.add_row(night["night"], *counts, learned, right, decision, seconds)
    return table


def _artifacts_table(artifacts: Sequence[Mapping[str, Any]]) -> Table:
    caption = "How each file was checked is on the night's page, and in --json."
    table = Table(title="Files of the last release", title_justify="left", caption=caption, caption_justify="left")
    for name in ("runtime", "precision", "bytes", "golden right", "answers changed"):
        table.add_column(name, justify="right" if name == "bytes" else "left")
    for one in artifacts:
        figures = _percent(one["golden_accuracy"]), _percent(one["flips_vs_fp32"])
        table.add_row(one["runtime"], one["precision"], f"{one['bytes']:,}", *figures)
    return table


def _phone_table(outcome: Outcome) -> Table:
    table = Table(title=f"{len(outcome.answers)} photos no night has seen", title_justify="left")
    table.add_column("who names them")
    table.add_column("right")
    if outcome.first_accuracy is not None:
        table.add_row("the phone, first release (labels it knew)", _percent(outcome.first_accuracy))
    if outcome.answers:
        table.add_row("the phone, last release (8-bit LiteRT file)", _percent(accuracy(outcome.answers)))
    else:
        table.add_row("the phone", "nothing: no night was good enough for a release")
    table.add_row("nearest mean colour histogram", _percent(outcome.colour_histogram_accuracy))
    for milestone, seconds in outcome.seconds.items():
        table.add_row(milestone, f"after {seconds:.0f} s")
    return table


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)

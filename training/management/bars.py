"""A night in the terminal: one bar a stage with what is left; plain lines where nobody watches."""

import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from training.domain.shifts import Told
from training.enums import StageName

PLAIN_EVERY_S = 10.0  # in a log file, a line now and then is enough to see that it lives


class NightBars:
    """Shows what ``run_night`` tells, or what a live owner writes into the run's row."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        columns = (
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[left]:<16}"),
            TextColumn("{task.fields[message]}", markup=False),
        )
        self.progress = Progress(*columns, console=self.console, disable=not self.console.is_terminal)
        self.bars: dict[str, TaskID] = {}
        self.plain_at = 0.0
        self.plain_stage = ""

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def show(self, told: Told) -> None:
        """Where the night stands now; stages before this one are done."""
        for name in StageName.values[: StageName.values.index(told.stage)]:
            self._finish(name)
        total = max(told.total, 1)
        bar, done = self._bar(told.stage), min(told.step, total)
        self.progress.update(bar, completed=done, total=total, left=_left(told.eta_s), message=told.message)
        self._print(told)

    def follow(self, progress: dict[str, Any]) -> None:
        """The same from ``queries.progress_of``, for a night that somebody else supervises."""
        for stage in progress["stages"]:
            if stage["state"] in {"done", "reused"}:
                self._finish(stage["name"])
        now = progress["now"]
        if now:
            self.show(Told(now["stage"], now["step"], now["total"], now["eta_s"], now["message"]))

    def say(self, sentence: str) -> None:
        """One line above the bars."""
        self.console.print(sentence, markup=False, highlight=False)

    def _bar(self, name: str) -> TaskID:
        if name not in self.bars:
            self.bars[name] = self.progress.add_task(name, total=1, left="", message="")
        return self.bars[name]

    def _finish(self, name: str) -> None:
        if name in self.bars:
            total = self.progress.tasks[self.bars[name]].total
            self.progress.update(self.bars[name], completed=total, left="", message="done")

    def _print(self, told: Told) -> None:
        if self.console.is_terminal:
            return
        now = time.monotonic()
        if told.stage == self.plain_stage and now - self.plain_at < PLAIN_EVERY_S:
            return
        self.plain_stage, self.plain_at = told.stage, now
        steps = f" {told.step}/{told.total}" if told.total > 1 else ""
        self.say(" ".join(part for part in (f"{told.stage}:{steps}", told.message, _left(told.eta_s)) if part))


def _left(eta_s: float | None) -> str:
    if eta_s is None or eta_s < 1:
        return ""
    minutes, seconds = divmod(round(eta_s), 60)
    return f"about {minutes} min left" if minutes else f"about {seconds} s left"

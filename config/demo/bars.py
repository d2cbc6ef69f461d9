"""What a long step shows: a bar in a terminal, a plain line now and then in a log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_EVERY_S = 5.0


@dataclass
class Step:
    """One step under way; ``advance`` and ``reach`` may be called from any thread."""

    title: str
    total: int
    console: Console
    bar: Progress | None = None
    done: int = 0
    _told_at: float = field(default_factory=time.monotonic)

    def advance(self, count: int = 1) -> None:
        """``count`` more are done."""
        self.reach(self.done + count)

    def reach(self, done: int) -> None:
        """``done`` of the total are done."""
        self.done = done
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], completed=done)
        elif time.monotonic() - self._told_at > PLAIN_EVERY_S and done < self.total:
            self._told_at = time.monotonic()
            self.console.print(f"  {self.title}: {done} of {self.total}", markup=False, highlight=False)


@contextmanager
def show_step(console: Console, title: str, total: int) -> Iterator[Step]:
    """A step of ``total`` parts for the length of the block; says how long it took."""
    started = time.monotonic()
    if console.is_terminal:
        columns = (
            TextColumn("  {task.description:<34}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
            bar.add_task(title, total=total)
            yield Step(title, total, console, bar)
        return
    console.print(f"  {title} ...", markup=False, highlight=False)
    step = Step(title, total, console)
    yield step
    seconds = time.monotonic() - started
    console.print(f"  {title}: {step.done} of {total}, {seconds:.0f} s", markup=False, highlight=False)

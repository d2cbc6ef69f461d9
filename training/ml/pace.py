"""How far a training within a time budget has come: schedules follow the share that is done, never a count of steps.

The first steps are timed and then fix the number of steps, so that one machine does the same each time; it is planned
anew only where the machine's speed has changed much since.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

IGNORED = 3  # the first steps are slow: memory is being claimed
MEASURED = 12  # steps whose time fixes the plan
TOLERANCE = 1.2  # planned anew when the rest would take this many times the time left, or so much less


@dataclass(slots=True)
class Pace:
    """Counts steps against a budget of ``budget_s`` wall seconds, within ``least`` and ``most`` steps."""

    budget_s: float
    least: int
    most: int
    steps: int = 0
    total: int = 0  # 0 until it has been measured
    done: float = 0.0  # share, 0..1
    replanned: int = 0
    _started: float = field(default_factory=time.monotonic)
    _marks: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Where only one number of steps is allowed, nothing needs measuring."""
        self.total = self.least if self.least == self.most else 0

    def tick(self) -> None:
        """One more step is over."""
        self.steps += 1
        now = time.monotonic()
        self._marks.append(now)
        if self.total:
            self.done = min(1.0, self.done + (1 - self.done) / max(1, self.total - self.steps + 1))
            if self.steps % MEASURED == 0:
                self._check(now)
        elif self.steps == IGNORED + MEASURED or self.steps >= self.most:
            self.total = self._affordable(now)
            self.done = min(1.0, self.steps / self.total)

    def stand(self) -> dict[str, float]:
        """Where it stands, for ``go_on``."""
        spent = {"elapsed_s": self.elapsed_s, "done": self.done}
        return {"steps": self.steps, "total": self.total, "replanned": self.replanned, **spent}

    def go_on(self, stand: Mapping[str, float]) -> None:
        """Takes up the place of another, the time it had spent included."""
        self.steps, self.total, self.replanned = (int(stand[name]) for name in ("steps", "total", "replanned"))
        self.done, self._started = stand["done"], time.monotonic() - stand["elapsed_s"]

    @property
    def is_over(self) -> bool:
        """Whether all steps are done."""
        return bool(self.total) and self.steps >= self.total

    @property
    def step_s(self) -> float:
        """Seconds a step took lately, 0 before the second."""
        recent = self._marks[-MEASURED:]
        return (recent[-1] - recent[0]) / (len(recent) - 1) if len(recent) > 1 else 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first step began."""
        return time.monotonic() - self._started

    def _affordable(self, now: float) -> int:
        left = self.budget_s - (now - self._started)
        planned = self.steps + round(left / self.step_s) if self.step_s else self.most
        return max(1, self.steps, min(self.most, max(self.least, planned)))

    def _check(self, now: float) -> None:
        """Plans the rest anew where the machine has become much slower or faster."""
        left, need = self.budget_s - (now - self._started), (self.total - self.steps) * self.step_s
        slower, faster = need > left * TOLERANCE, need * TOLERANCE < left and self.total < self.most
        if (slower and self.total > self.least) or faster:
            self.total = self._affordable(now)
            self.replanned += 1

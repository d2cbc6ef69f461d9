"""One claimed night at work: its lease, its folder, its voice. Everything a stage needs besides its inputs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from foundation import jobs
from training.models import Run

PROGRESS_EVERY_S = 1.0


class NightStoppedError(Exception):
    """Somebody asked this process to stop; the night is given back, not failed."""


class NightFailedError(Exception):
    """The night cannot go on and trying again would not help; the message is for people."""


@dataclass(frozen=True, slots=True)
class Told:
    """Where the night stands. ``eta_s`` is None until it can be guessed."""

    stage: str
    step: int
    total: int
    eta_s: float | None = None
    message: str = ""


def keep_quiet(_: Told) -> None:
    """For callers that show no progress."""


def never() -> bool:
    """For callers that nobody stops."""
    return False


@dataclass(slots=True)
class Shift:
    """A run, claimed: ``work`` is its folder, gone when the shift ends."""

    run: Run
    lease: jobs.Lease
    work: Path
    listen: Callable[[Told], None] = keep_quiet
    should_stop: Callable[[], bool] = never
    _extended: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    def beat(self) -> None:
        """Extends the lease when a quarter of it has passed. Call it at least every second.

        Raises ``NightStoppedError`` when asked to stop, ``jobs.LeaseLost`` when somebody else has the night. A database
        that is away for a moment is borne until the lease would have run out.
        """
        if self.should_stop():
            raise NightStoppedError
        age = time.monotonic() - self._extended
        if age < settings.JOB_LEASE_S / 4:
            return
        try:
            jobs.extend(self.lease)
        except (OperationalError, InterfaceError):
            connection.close()
            if age > settings.JOB_LEASE_S:
                raise
            return
        self._extended = time.monotonic()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """For work that cannot beat, such as an upload or one long computation: a thread extends the lease meanwhile.

        Losing it is noticed by whatever is written next.
        """
        heartbeat = jobs.Heartbeat(self.lease)
        heartbeat.start()
        try:
            yield
        finally:
            heartbeat.stop()

    def is_due(self) -> bool:
        """Whether it is time for the run's row to hear again."""
        return time.monotonic() - self._told >= PROGRESS_EVERY_S

    def tell(self, told: Told) -> None:
        """Passes progress on: to whoever listens at once, to the run's row once a second at most. Also beats."""
        self.beat()
        self.listen(told)
        if not self.is_due() and told.step < told.total:
            return
        self._told = time.monotonic()
        self._write(told)

    def _write(self, told: Told) -> None:
        progress = {
            "stage": told.stage,
            "step": told.step,
            "total": told.total,
            "eta_s": told.eta_s,
            "message": told.message,
            "at": timezone.now().isoformat(timespec="seconds"),
        }
        try:
            with transaction.atomic():
                jobs.require(self.lease)
                Run.objects.filter(pk=self.run.pk).update(progress=progress)
        except (OperationalError, InterfaceError):
            connection.close()  # progress may be missed; beat() decides when the database has been away too long

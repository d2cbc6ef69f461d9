"""What Celery rings for. The night's row and job say what must happen; these fetch, call and return."""

import signal
import threading
from typing import Any, Self

from celery.signals import worker_shutting_down
from django.utils import timezone

from foundation import jobs
from training.domain import erasures, features, folders, nights, shards
from training.domain.shifts import NightStoppedError


@jobs.task(folders.KIND, long=True)
def run_night(key: str) -> None:
    """Supervises one night, unless somebody else does."""
    with StopSignal() as stop:
        try:
            nights.run_night(int(key), should_stop=stop.is_set)
        except NightStoppedError:
            return  # given back; the next start goes on at the last finished stage


@jobs.task(folders.SHARD, long=True)
def embed_shard(key: str) -> None:
    """Looks at a part of a night's new photos, unless somebody else does."""
    with StopSignal() as stop:
        try:
            shards.embed_shard(int(key), should_stop=stop.is_set)
        except NightStoppedError:
            return  # given back


@jobs.task(folders.TIDY, long=True)
def tidy_features(key: str) -> None:
    """Takes erased photos out of a project's features, and makes few packs of many."""
    features.tidy(int(key))


@jobs.task("training.start_nights")
def start_nights() -> None:
    """Adds tonight's run of every project. The unique row makes any number of beats safe."""
    nights.start_nights(timezone.now().date())


@jobs.task("training.mark_erasures", long=True)
def mark_erasures() -> None:
    """Says on each run how many of its photos were erased since."""
    erasures.mark_all()


@worker_shutting_down.connect
def stop_nights(**_: Any) -> None:
    """A stopping worker waits for its tasks, and a night is long: so ask it to give its job back."""
    folders.stop_nights_of_children()


class StopSignal:
    """Notes SIGTERM (or the signals given) while the block lasts; a second one acts as it always did.

    A plain flag: threading.Event would take a lock inside a signal handler.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self.signals = signals or (signal.SIGTERM,)
        self.before: dict[signal.Signals, Any] = {}
        self.noted = False

    def is_set(self) -> bool:
        """Whether somebody asked this process to stop."""
        return self.noted

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._note) for number in self.signals}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, *_: object) -> None:
        self.noted = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

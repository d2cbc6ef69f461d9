"""Holding a lease while the work is done: a thread extends it, and failures are written down."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from foundation.jobs.leases import Lease, LeaseLost, extend, fail, give_back

logger = logging.getLogger(__name__)


class Heartbeat(threading.Thread):
    """Extends a lease every quarter of JOB_LEASE_S until ``stop()``; ``lost`` is set once it is gone."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(name=f"lease {lease.kind}({lease.key})", daemon=True)
        self.lease = lease
        self.lost = threading.Event()
        self._stop_asked = threading.Event()
        self._beaten_at = time.monotonic()

    def run(self) -> None:
        """Beat. A database that does not answer is tried again; silence longer than the lease counts as lost."""
        try:
            while not self._stop_asked.wait(settings.JOB_LEASE_S / 4):
                self._beat()
                if self.lost.is_set():
                    return
        finally:
            connection.close()  # this thread's own

    def stop(self) -> None:
        """End the thread."""
        self._stop_asked.set()
        self.join()

    def _beat(self) -> None:
        try:
            extend(self.lease)
            self._beaten_at = time.monotonic()
        except LeaseLost:
            logger.warning("job.lease_lost kind=%s key=%s", self.lease.kind, self.lease.key)
            self.lost.set()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("job.heartbeat_missed kind=%s key=%s error=%r", self.lease.kind, self.lease.key, error)
            connection.close()
            if time.monotonic() - self._beaten_at > settings.JOB_LEASE_S:
                self.lost.set()


@contextmanager
def holding(lease: Lease) -> Iterator[Heartbeat]:
    """Keep the lease for the length of the block; ``.lost`` of what it yields tells when to stop early.

    An exception that leaves the block fails the attempt; a stop (Ctrl-C, SystemExit) gives the job back. Both are
    raised on.
    """
    heartbeat = Heartbeat(lease)
    heartbeat.start()
    try:
        yield heartbeat
    except LeaseLost:
        raise
    except Exception as error:
        fail(lease, f"{type(error).__name__}: {error}"[:2000])
        raise
    except BaseException:
        give_back(lease)
        raise
    finally:
        heartbeat.stop()

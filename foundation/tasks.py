"""What beat has the foundation do."""

from foundation import jobs


@jobs.task("foundation.reconcile_jobs")
def reconcile_jobs() -> None:
    """Ring again for every job that waits."""
    jobs.reconcile()

"""Jobs: the rows that say what must happen. The row is the queue; Celery is only the doorbell.

Redis with Celery loses acknowledged tasks and runs long ones twice (measured), so a message carries no more than a
kind and a key: whoever hears it must first claim the row. Claims are conditional UPDATEs by the database's clock;
each gives a new fencing number, by which the work of an owner that lost its lease is refused. The reconciler rings
again for what waits; that is the guarantee, ringing after commit is only quicker.

A kind is a Celery task's name, a key the id of the row the work is about. The life of a job, in the task:

    lease = jobs.claim(kind, key)
    if lease is None:
        return                          # done, held by a live owner, or quarantined
    with jobs.holding(lease):           # extends the lease; an exception becomes jobs.fail
        result = ...                    # no transaction is open while the work is done
        with transaction.atomic():
            jobs.require(lease)         # LeaseLost rolls everything back
            ...                         # write the result, add what must follow
            jobs.finish(lease)
"""

from foundation.jobs.doorbell import count_listeners, ring
from foundation.jobs.heartbeat import Heartbeat, holding
from foundation.jobs.leases import Lease, LeaseLost, claim, extend, fail, finish, give_back, require
from foundation.jobs.reconciler import reconcile
from foundation.jobs.rows import add, find, requeue
from foundation.jobs.tasking import task

__all__ = [
    "Heartbeat",
    "Lease",
    "LeaseLost",
    "add",
    "claim",
    "count_listeners",
    "extend",
    "fail",
    "find",
    "finish",
    "give_back",
    "holding",
    "reconcile",
    "requeue",
    "require",
    "ring",
    "task",
]

"""``python -m benchmarks.snapshots.freezing PHOTOS``: fills a database and freezes it once; figures as JSON."""

import json
import resource
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import django

django.setup()

from django.conf import settings  # noqa: E402 -- after setup
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks.databases import create_database, dropped_indexes  # noqa: E402
from benchmarks.snapshots.filling import fill  # noqa: E402
from foundation import jobs  # noqa: E402
from training.domain import snapshots  # noqa: E402
from training.domain.folders import KIND  # noqa: E402
from training.domain.shifts import Shift  # noqa: E402
from training.models import Run  # noqa: E402

TABLES = ("collector_photo", "collector_review")


def main() -> None:
    """Prints seconds, CPU seconds and megabytes."""
    photos = int(sys.argv[1])
    create_database()
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor, dropped_indexes(cursor, TABLES):
        cursor.execute("SET synchronous_commit = off")
        project = fill("bench", photos)
    run = Run.objects.create(project=project, night=date(2026, 11, 21))
    jobs.add(KIND, str(run.pk))
    lease = jobs.claim(KIND, str(run.pk))
    assert lease, "nobody else knows this database"
    with TemporaryDirectory(prefix="daybreak-snapshot-", dir=settings.DAYBREAK_HOME) as folder:
        before = _peak_mb()
        wall, cpu = time.monotonic(), time.process_time()
        frozen = snapshots.freeze(Shift(run, lease, Path(folder)))
        found = {
            "seconds": time.monotonic() - wall,
            "cpu_seconds": time.process_time() - cpu,
            "grown_mb": _peak_mb() - before,
            "peak_mb": _peak_mb(),
            "photos": frozen.snapshot.photos,
            "left_out": sum(frozen.left_out.values()),
        }
    print(json.dumps(found))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

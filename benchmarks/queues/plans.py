"""``python -m benchmarks.queues.plans``: how PostgreSQL answers each page; plans that read all photos, as JSON."""

import json
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402 -- after setup

from benchmarks.queues import facts as known  # noqa: E402
from benchmarks.queues.asking import SLUG  # noqa: E402
from collector.domain import filters, queues  # noqa: E402
from collector.enums import ReviewOrder  # noqa: E402
from collector.models import Project  # noqa: E402

READS_ALL = "Seq Scan on collector_photo"


def main() -> None:
    """Print them by page; none is what we want."""
    project = Project.objects.get(slug=SLUG)
    reviewer = project.members.order_by("pk")[0]
    queries: dict[str, dict[str, str]] = {f"by {order.value}": {"order": order.value} for order in ReviewOrder}
    queries |= known.filters_of(project)
    found: dict[str, list[str]] = {}
    for name, query in queries.items():
        chosen = filters.read_filter(query)
        seen: list[tuple[str, Any]] = []

        def note(execute: Any, sql: str, params: Any, *rest: Any, seen: Any = seen) -> Any:
            seen.append((sql, params))
            return execute(sql, params, *rest)

        with connection.execute_wrapper(note):
            queues.serve(project, chosen, by=reviewer, limit=60)
            queues.count(project, chosen)
        plans = [_explain(sql, params) for sql, params in seen if sql.lstrip().startswith("SELECT")]
        found[name] = [plan for plan in plans if READS_ALL in plan]
    print(json.dumps(found))


def _explain(sql: str, params: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", params)
        return "\n".join(row[0] for row in cursor.fetchall())


if __name__ == "__main__":
    main()

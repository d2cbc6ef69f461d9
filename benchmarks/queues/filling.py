"""``python -m benchmarks.queues.filling COUNT``: a seeded database of photos, skewed as life is, 60% reviewed."""

import datetime as dt
import sys
from typing import Any

import django
import psycopg

django.setup()

from django.conf import settings  # noqa: E402 -- after setup
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks.databases import create_database, dropped_indexes  # noqa: E402
from benchmarks.queues.asking import SLUG  # noqa: E402
from collector.domain import projects  # noqa: E402
from collector.models import Challenge, Condition, Project  # noqa: E402
from foundation.models import User  # noqa: E402

LABELS, REVIEWERS, DAYS = 20, 20, 365
HELD = 60  # photos each reviewer holds
LAST = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)

VOLUNTEERS = """
    INSERT INTO collector_volunteer (id, nickname, import_name, is_known)
    SELECT md5('volunteer ' || n)::uuid, 'Volunteer ' || n, '', true FROM generate_series(0, %(volunteers)s - 1) AS n
"""
# Few volunteers send most photos, few labels have most of them; every tenth photo lies under the one before.
PHOTOS = """
    INSERT INTO collector_photo (
        id, project_id, volunteer_id, challenge_id, is_late, claimed_label_id, label_id, state, deleted_because,
        unreadable_reason, media_type, size_bytes, sha256, original_deleted_at, normalised_sha256, normalised_at, width,
        height, look_hash, look64, measurements, remarks, stack, is_top, disagreement, need, novelty, value, is_blind,
        condition_holds, is_gold, is_disputed, pinned_split, received_at, release, scores)
    SELECT id, %(project)s, md5('volunteer ' || floor(%(volunteers)s * power(r1, 4)))::uuid,
        %(challenge)s + floor(r4 * %(days)s)::int, false, label, label, state, '', '', 'image/jpeg', 2000000,
        md5(id::text), now(), md5(id::text), now(), 1600, 1200, md5(id::text) || md5(id::text),
        ('x' || md5(id::text))::bit(64)::bigint, '{"sharpness": 100}',
        CASE WHEN r5 < 0.1 THEN '{too_dark}' WHEN r5 < 0.15 THEN '{blurred}' ELSE '{}' END::varchar[],
        CASE WHEN n %% 10 = 0 THEN md5('photo ' || n - 1)::uuid ELSE id END,
        state = 'awaiting_review' AND n %% 10 <> 0, r6, r7, r8, 0.4 * r6 + 0.3 * r7 + 0.3 * r8 + (1 - r4) * 365 / 30,
        r9 < 0.05, state = 'accepted', r9 < 0.01 AND state = 'accepted', r9 > 0.995 AND state = 'accepted', '',
        %(last)s - (1 - r4) * %(days)s * interval '1 day', '', '{}'
    FROM (
        SELECT n, md5('photo ' || n)::uuid AS id, r1, r4, r5, r6, r7, r8, r9,
            %(label)s + floor(%(labels)s * r2 * r2)::int AS label,
            CASE WHEN r3 < 0.51 THEN 'accepted' WHEN r3 < 0.6 THEN 'rejected' ELSE 'awaiting_review' END AS state
        FROM (
            SELECT n, random() AS r1, random() AS r2, random() AS r3, random() AS r4, random() AS r5, random() AS r6,
                random() AS r7, random() AS r8, random() AS r9
            FROM generate_series(1, %(photos)s) AS n OFFSET 0
        ) AS chance
    ) AS drawn
"""
REVIEWS = """
    INSERT INTO collector_review (
        photo_id, reviewer_id, action, reason, label_id, decision, normalised_sha256, created_at)
    SELECT id, %(reviewer)s + floor(%(reviewers)s * power(random(), 2))::int,
        CASE WHEN state = 'accepted' THEN 'accept' ELSE 'reject' END,
        CASE WHEN state = 'accepted' THEN '' ELSE 'not_visible' END, label_id, gen_random_uuid(), normalised_sha256,
        received_at + interval '1 hour'
    FROM collector_photo WHERE state IN ('accepted', 'rejected')
"""
DECIDED_BY = """
    UPDATE collector_photo AS photo SET decided_by_id = review.reviewer_id
    FROM collector_review AS review WHERE review.photo_id = photo.id
"""
HOLDS = """
    INSERT INTO collector_hold (photo_id, reviewer_id, until)
    SELECT id, %(reviewer)s + (row_number() OVER (ORDER BY value DESC, id DESC) - 1) / %(held)s,
        now() + interval '1 day'
    FROM collector_photo WHERE state = 'awaiting_review' AND is_top ORDER BY value DESC, id DESC LIMIT %(most)s
"""


def main() -> None:
    """Fill the database that DATABASE_URL names, unless it is filled."""
    photos = int(sys.argv[1])
    create_database()
    call_command("migrate", verbosity=0)
    if Project.objects.filter(slug=SLUG).exists():
        return
    project = projects.create_project(SLUG, name="Bench", labels=[(f"label-{n}", f"Label {n}") for n in range(LABELS)])
    users = [User.objects.create_user(f"reviewer{n}@example.org", display_name=f"R{n}") for n in range(REVIEWERS)]
    for user in users:
        projects.add_member(project, user)
    challenges = _challenges(project)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.26)")
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        # Everything refers by an id plus a number, so the ids must follow each other.
        values: Any = {
            "photos": photos,
            "volunteers": max(photos // 10, 10),
            "project": project.pk,
            "label": min(project.labels.values_list("pk", flat=True)),
            "labels": LABELS,
            "challenge": challenges[0].pk,
            "days": DAYS,
            "last": LAST,
            "reviewer": users[0].pk,
            "reviewers": REVIEWERS,
            "held": HELD,
            # Of few photos they hold few, so that there is something left to ask for.
            "most": min(REVIEWERS * HELD, photos // 10),
        }
        with dropped_indexes(cursor, ("collector_photo", "collector_review")):
            for statement in (VOLUNTEERS, PHOTOS, REVIEWS, DECIDED_BY):
                cursor.execute(statement, values)
        cursor.execute(HOLDS, values)
    connection.close()
    with psycopg.connect(str(settings.DATABASE_URL), autocommit=True) as plain:
        plain.execute("VACUUM ANALYZE")


def _challenges(project: Project) -> list[Challenge]:
    first = LAST.date() - dt.timedelta(days=DAYS)
    rows = [Challenge(project=project, day=first + dt.timedelta(days=n), text=f"Day {n}") for n in range(DAYS)]
    made = Challenge.objects.bulk_create(rows)
    conditions = list(Condition.objects.filter(project=project))
    through = Challenge.conditions.through
    through.objects.bulk_create(
        through(challenge_id=challenge.pk, condition_id=conditions[at % len(conditions)].pk)
        for at, challenge in enumerate(made)
    )
    return made


if __name__ == "__main__":
    main()

"""Accepted and reviewed photos made by the database itself, as many as one likes."""

from typing import Any

from django.db import connection

from collector.domain import projects
from collector.models import Project
from foundation.models import User

LABELS = 20
VOLUNTEERS = """
    INSERT INTO collector_volunteer (id, nickname, import_name, is_known)
    SELECT md5('snapshot volunteer ' || n)::uuid, '', '', true FROM generate_series(0, %(volunteers)s - 1) AS n
"""
# Few volunteers take most photos, few labels have most of them; every hundredth photo is a copy of the one before.
PHOTOS = """
    INSERT INTO collector_photo (
        id, project_id, volunteer_id, is_late, claimed_label_id, label_id, state, deleted_because, unreadable_reason,
        media_type, size_bytes, sha256, normalised_sha256, look_hash, measurements, remarks, is_top, disagreement, need,
        novelty, value, is_blind, is_gold, is_disputed, pinned_split, captured_at, release, scores)
    SELECT id, %(project)s, md5('snapshot volunteer ' || floor(%(volunteers)s * power(r1, 3)))::uuid, false, label,
        label, 'accepted', '', '', 'image/jpeg', 200000, md5('original ' || n) || md5('original ' || n),
        md5('pixels ' || n) || md5('more pixels ' || n), md5('look ' || look) || md5('sight ' || look), '{}', '{}',
        true, 0, 0, 0, 0, false, false, false, '', now() - n * interval '1 minute', '', '{}'
    FROM (
        SELECT n, n - (n %% 100 = 0)::int AS look, md5('snapshot photo ' || n)::uuid AS id, random() AS r1,
            (%(labels)s::bigint[])[1 + floor(%(many)s * power(random(), 2))::int] AS label
        FROM generate_series(1, %(photos)s) AS n OFFSET 0
    ) AS drawn
"""
REVIEWS = """
    INSERT INTO collector_review (photo_id, reviewer_id, action, reason, label_id, decision, normalised_sha256)
    SELECT id, %(reviewer)s, 'accept', '', label_id, gen_random_uuid(), normalised_sha256
    FROM collector_photo WHERE project_id = %(project)s
"""


def fill(slug: str, photos: int) -> Project:
    """A new project with so many photos by a hundredth as many volunteers, fifty at least; the same each time."""
    project = projects.create_project(slug, name=slug, labels=[(f"label-{n}", f"Label {n}") for n in range(LABELS)])
    Project.objects.filter(pk=project.pk).update(split_secret="5" * 64)
    reviewer, _ = User.objects.get_or_create(email="reviewer@example.org")
    values: Any = {
        "photos": photos,
        "volunteers": max(50, photos // 100),
        "project": project.pk,
        "labels": list(project.labels.values_list("pk", flat=True)),
        "many": LABELS,
        "reviewer": reviewer.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.26)")
        for statement in (VOLUNTEERS, PHOTOS, REVIEWS):
            cursor.execute(statement, values)
        cursor.execute("ANALYZE")
    return Project.objects.get(pk=project.pk)

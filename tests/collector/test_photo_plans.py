"""Among many photos none of the questions a new photo asks reads the whole table."""

import uuid
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from collector.domain import challenges, conditions, ordering, stacks
from collector.models import Challenge, Photo, Project
from tests.collector.conftest import Phone

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
MANY = 40_000

FILL = """
INSERT INTO collector_photo (
    id, project_id, volunteer_id, challenge_id, claimed_label_id, label_id, state, deleted_because, unreadable_reason,
    media_type, size_bytes, sha256, normalised_sha256, look_hash, look64, measurements, remarks, stack, is_top,
    disagreement, need, novelty, value, is_blind, condition_holds, is_gold, is_disputed, is_late, pinned_split,
    received_at, release, scores
)
SELECT id, %(project)s, volunteer, challenge, label, label, state, '', '', 'image/jpeg', 1, '', '', '', look64,
    '{"sharpness": 5}', '{}', id, true, 0.5, 1, 0.5, 0, false, challenge IS NOT NULL, false, false, false, '',
    now() - n * interval '1 second', '', '{}'
FROM (
    SELECT n, gen_random_uuid() AS id,
        (%(volunteers)s::uuid[])[1 + n %% cardinality(%(volunteers)s::uuid[])] AS volunteer,
        CASE WHEN n %% 3 = 0 THEN %(challenge)s::bigint END AS challenge,
        (%(labels)s::bigint[])[1 + n %% cardinality(%(labels)s::bigint[])] AS label,
        CASE WHEN n %% 10 < 4 THEN 'awaiting_review' ELSE 'accepted' END AS state,
        (('x' || substr(md5(n::text), 1, 16))::bit(64))::bigint AS look64
    FROM generate_series(1, %(many)s) AS n
) AS made
"""


@pytest.fixture
def dim(notes: Project) -> Challenge:
    asked = conditions.get_conditions(notes, ["dim"])
    return challenges.set_challenge(notes, challenges.local_day(notes), text="A note in dim light", conditions=asked)


@pytest.fixture
def newest(alice: Phone, bob: Phone, notes: Project, dim: Challenge) -> Photo:
    """A photo of Alice's that looks like one of the many."""
    with connection.cursor() as cursor:
        cursor.execute(
            FILL,
            {
                "project": notes.pk,
                "volunteers": [alice.volunteer.pk, bob.volunteer.pk],
                "labels": list(notes.labels.values_list("pk", flat=True)),
                "challenge": dim.pk,
                "many": MANY,
            },
        )
        cursor.execute("ANALYZE collector_photo")
    label = notes.labels.get(slug="five")
    return Photo.objects.create(
        id=uuid.uuid4(), project=notes, volunteer=alice.volunteer, challenge=dim, claimed_label=label, size_bytes=1
    )


def plans_of(action: Callable[[], object]) -> list[str]:
    """How the database goes about each question about photos."""
    with CaptureQueriesContext(connection) as captured:
        action()
    asked = [query["sql"] for query in captured.captured_queries if "collector_photo" in query["sql"]]
    plans = []
    with connection.cursor() as cursor:
        for sql in asked:
            cursor.execute("EXPLAIN " + sql)
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    return plans


def test_placing_and_rating_a_photo_uses_indexes_only(newest: Photo, dim: Challenge) -> None:
    like = Photo.objects.exclude(pk=newest.pk).filter(claimed_label=newest.claimed_label_id, challenge=dim).first()
    assert like is not None
    assert like.look64 is not None
    looks = like.look64

    def place() -> None:
        with transaction.atomic():
            found = stacks.find_place(newest, looks)
            assert found == stacks.Place(like.pk, 0)
            ordering.rate(newest, found.nearest)
            Photo.objects.filter(pk=newest.pk).update(stack=found.stack, look64=looks)
            stacks.promote([newest.pk])

    plans = plans_of(place)
    assert len(plans) > 5
    assert [plan for plan in plans if "Seq Scan on collector_photo" in plan] == []
    together = "\n".join(plans)
    for index in ("photo_recent", "photo_look_band_0", "photo_look_band_3", "photo_coverage", "photo_stack"):
        assert index in together

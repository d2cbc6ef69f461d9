"""Photos of one moment share a stack, so that reviewers look at them once.

Who shares one: photos that claim the same label (one answer speaks for all of them) and look alike by ``look64``,
- within a volunteer's latest 200 photos for the same challenge, where at most 10 of the 64 bits differ;
- across the project where at most 3 differ. Then one of four 16-bit bands is the same in both, and each band has an
  index; of a crowded band only the newest 100 photos are looked at, so that a photo costs the same among a million.

``Photo.stack`` names the stack by its first photo; ``Photo.is_top`` marks the one of its waiting photos that reviewers
see, the sharpest. Whoever changes the state of photos calls ``lock`` before and ``promote`` after, in one transaction.

What may slip: two volunteers' photos that are normalised in the same moment do not see each other across the project.
They keep two stacks and are reviewed twice, until a third photo like both joins the two. Nothing is lost by that.
"""

import dataclasses
import uuid
from collections.abc import Iterable, Sequence

from django.db import connection, models
from django.db.models import Count, F, Func, QuerySet, Value

from collector.models import Photo
from collector.models.photos import LookBand

NEAR_BITS = 10  # of 64, within one volunteer's photos for one challenge
SAME_BITS = 3  # across the project
RECENT = 200
PER_BAND = 100
LARGEST = 200  # photos of one stack: endless look-alikes must not grow one for ever
LOCK_TRIES = 3
VOLUNTEER_LOCK = 0x6461  # the first half of the advisory lock's key

PROMOTE = """
UPDATE collector_photo AS photo SET is_top = NOT photo.is_top
FROM (
    SELECT one.id, one.state = 'awaiting_review' AND row_number() OVER (
        PARTITION BY one.stack
        ORDER BY one.state = 'awaiting_review' DESC, hold.photo_id IS NOT NULL DESC,
            (one.measurements->>'sharpness')::float8 DESC NULLS LAST, one.received_at, one.id
    ) = 1 AS is_best
    FROM collector_photo AS one
    LEFT JOIN collector_hold AS hold ON hold.photo_id = one.id AND hold.until > now() AND one.is_top
    WHERE one.stack IN (SELECT stack FROM collector_photo WHERE id = ANY(%s))
) AS judged
WHERE photo.id = judged.id AND photo.is_top <> judged.is_best
"""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a new photo belongs, and in how many bits it differs from the nearest it was compared with, if any."""

    stack: uuid.UUID
    nearest: int | None = None


def find_place(photo: Photo, look64: int | None) -> Place:
    """The stack of a photo that was just measured; stacks that it links become one. Inside a transaction.

    One volunteer's photos take turns here, so that two workers cannot miss each other's. The caller stores the answer
    in the same transaction and then calls ``promote``.
    """
    if look64 is None:
        return Place(photo.pk)
    _take_turn(photo)
    seen = _compare(_own_recent(photo), look64) + _compare_bands(photo, look64)
    if not seen:
        return Place(photo.pk)
    near = [one for one, bits, limit in seen if bits <= limit]
    return Place(_join(near) or photo.pk, min(bits for _, bits, _ in seen))


def lock(photo_ids: Iterable[uuid.UUID]) -> None:
    """Keep everybody else from changing the stacks of these photos until the transaction ends.

    All take the rows in the same order, so nobody waits in a circle.
    """
    ids = list(photo_ids)
    for _ in range(LOCK_TRIES):
        stacks = _stacks_of(ids)
        members = Photo.objects.filter(stack__in=stacks).order_by("pk").select_for_update(no_key=True)
        list(members.values_list("pk"))
        if _stacks_of(ids) <= stacks:  # otherwise two stacks became one while we waited
            return


def promote(photo_ids: Iterable[uuid.UUID]) -> None:
    """Put one waiting photo of each of these photos' stacks on top: the sharpest, else the first received.

    One that is on a reviewer's screen stays there. One query, however many photos.
    """
    with connection.cursor() as cursor:
        cursor.execute(PROMOTE, [list(photo_ids)])


# --- finding what looks alike --------------------------------------------------------------------------------------
Seen = list[tuple[uuid.UUID, int, int]]  # photo, bits that differ, how many may


def _own_recent(photo: Photo) -> QuerySet[Photo]:
    mine = Photo.objects.filter(volunteer=photo.volunteer_id, challenge=photo.challenge_id)
    mine = mine.filter(claimed_label=photo.claimed_label_id, project=photo.project_id, look64__isnull=False)
    return mine.exclude(pk=photo.pk).order_by("-received_at")[:RECENT]


def _compare(rows: QuerySet[Photo], look64: int) -> Seen:
    return [(pk, bits, NEAR_BITS) for pk, bits in rows.annotate(bits=_differing(look64)).values_list("pk", "bits")]


def _compare_bands(photo: Photo, look64: int) -> Seen:
    """Only those that differ in few enough bits; what merely shares a band says nothing."""
    queries = []
    for band in range(4):
        alike = Photo.objects.annotate(band=LookBand(band)).filter(
            project=photo.project_id,
            claimed_label=photo.claimed_label_id,
            look64__isnull=False,
            band=_band(look64, band),
        )
        newest = alike.exclude(pk=photo.pk).order_by("-received_at").annotate(bits=_differing(look64))
        queries.append(newest.values_list("pk", "bits")[:PER_BAND])
    found = dict(queries[0].union(*queries[1:], all=True))
    return [(pk, bits, SAME_BITS) for pk, bits in found.items() if bits <= SAME_BITS]


def _differing(look64: int) -> Func:
    return Func(
        F("look64"),
        Value(look64),
        template="bit_count((%(expressions)s)::bit(64))",
        arg_joiner=" # ",
        output_field=models.IntegerField(),
    )


def _band(look64: int, band: int) -> int:
    return look64 >> (16 * band) & 0xFFFF


# --- one stack of several ------------------------------------------------------------------------------------------
def _join(near: Sequence[uuid.UUID]) -> uuid.UUID | None:
    """The name of the stack that all of these share from now on, or None where there is no room for one more."""
    if not near:
        return None
    lock(near)
    sizes = dict(
        Photo.objects.filter(stack__in=_stacks_of(near)).values_list("stack").annotate(count=Count("pk")).order_by()
    )
    by_age = Photo.objects.filter(pk__in=sizes).order_by("received_at", "pk").values_list("pk", flat=True)
    joined: list[uuid.UUID] = []
    room = LARGEST - 1
    for stack in by_age:
        if sizes[stack] <= room:
            joined.append(stack)
            room -= sizes[stack]
    if len(joined) > 1:
        Photo.objects.filter(stack__in=joined[1:]).update(stack=joined[0])
    return joined[0] if joined else None


def _stacks_of(photo_ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    return {stack for (stack,) in Photo.objects.filter(pk__in=photo_ids).values_list("stack") if stack is not None}


def _take_turn(photo: Photo) -> None:
    """Wait until nobody else places a photo of this volunteer in this project. Ends with the transaction."""
    name = f"{photo.project_id}/{photo.volunteer_id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [VOLUNTEER_LOCK, name])

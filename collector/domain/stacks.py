"""Photos of one moment share a stack, so that reviewers look at them once.

Who shares one: photos that claim the same label (one answer speaks for all of them) and look alike by ``look64``,
- within a volunteer's latest 200 photos for the same challenge, where at most 10 of the 64 bits differ;
- across the project where at most 3 differ. Then one of four 16-bit bands is the same in both, and each band has an
  index; of a crowded band only the newest 100 photos are looked at, so that a photo costs the same among a million.
A photo joins a stack where at most 3 bits part it from one member, or at most 10 from at least half of them: otherwise
a chain of neighbours would tie together photos that have nothing in common (measured on sign-language digits by
people nobody named: 92 of 175 in one stack without this, 19 with it; rendered bursts held still lose 1 pair in 100).

``Photo.stack`` names the stack by its first photo; ``Photo.is_top`` marks the one of its waiting photos that reviewers
see, the sharpest. Whoever changes the state of photos calls ``lock`` before and ``promote`` after, in one transaction.

What may slip: two volunteers' photos that are normalised in the same moment do not see each other across the project.
They keep two stacks and are reviewed twice, until a third photo like both joins the two. Nothing is lost by that.
"""

import dataclasses
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection
from django.db.models import Count, Min

from collector.models import Photo

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
    seen = _look_around(photo, look64)
    if not seen:
        return Place(photo.pk)
    near = {one: bits for one, bits, most in seen if bits <= most}
    return Place(_join(near) or photo.pk, min(bits for _, bits, _ in seen))


def lock(photo_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Keep everybody else from changing the stacks of these photos until the transaction ends; returns those stacks.

    All take the rows in the same order, so nobody waits in a circle.
    """
    ids = list(photo_ids)
    stacks = _stacks_of(ids)
    for _ in range(LOCK_TRIES):
        names = set(stacks.values())
        members = Photo.objects.filter(stack__in=names).order_by("pk").select_for_update(no_key=True)
        list(members.values_list("pk"))
        stacks = _stacks_of(ids)
        if names.issuperset(stacks.values()):  # otherwise two stacks became one while we waited
            break
    return stacks


def promote(photo_ids: Iterable[uuid.UUID]) -> None:
    """Put one waiting photo of each of these photos' stacks on top: the sharpest, else the first received.

    One that is on a reviewer's screen stays there. One query, however many photos.
    """
    with connection.cursor() as cursor:
        cursor.execute(PROMOTE, [list(photo_ids)])


# --- finding what looks alike --------------------------------------------------------------------------------------
Seen = list[tuple[uuid.UUID, int, int]]  # photo, bits that differ, how many may


def _look_around(photo: Photo, look64: int) -> Seen:
    """The volunteer's latest photos for the challenge, and near-duplicates across the project, in one query."""
    alike = f"claimed_label_id {_is('label', photo.claimed_label_id)}"
    mine = f"volunteer_id = %(volunteer)s AND challenge_id {_is('challenge', photo.challenge_id)}"
    parts = [_newest(f"{mine} AND {alike}", RECENT, NEAR_BITS)]
    parts += [
        _newest(f"((look64 >> {16 * band}) & 65535) = {look64 >> 16 * band & 0xFFFF} AND {alike}", PER_BAND, SAME_BITS)
        for band in range(4)
    ]
    seen = " UNION ".join(parts)
    values: dict[str, Any] = {
        "photo": photo.pk,
        "project": photo.project_id,
        "volunteer": photo.volunteer_id,
        "challenge": photo.challenge_id,
        "label": photo.claimed_label_id,
        "look": look64,
        "near": NEAR_BITS,
    }
    with connection.cursor() as cursor:
        # What merely shares a band says nothing; how far the volunteer's own are away says how new this one is.
        cursor.execute(f"SELECT * FROM ({seen}) AS seen WHERE bits <= most OR most = %(near)s", values)  # noqa: S608 -- only names and numbers of ours are put in
        return list(cursor.fetchall())


def _newest(condition: str, limit: int, most: int) -> str:
    """The newest photos of which that is true: id, bits that differ, how many may."""
    return f"""(SELECT id, bit_count((look64 # %(look)s)::bit(64)) AS bits, {most} AS most FROM collector_photo
        WHERE project_id = %(project)s AND {condition} AND look64 IS NOT NULL AND id <> %(photo)s
        ORDER BY received_at DESC LIMIT {limit})"""  # noqa: S608 -- as above


def _is(name: str, value: int | None) -> str:
    """Equal to the parameter, in a form that an index knows; nothing is equal to null."""
    return "IS NULL" if value is None else f"= %({name})s"


# --- one stack of several ------------------------------------------------------------------------------------------
def _join(near: Mapping[uuid.UUID, int]) -> uuid.UUID | None:
    """The name of the stack that these photos and the new one share from now on, or None where it fits in none."""
    if not near:
        return None
    members = lock(near)
    alike = Counter(members.values())
    same = {stack for pk, stack in members.items() if near[pk] <= SAME_BITS}
    sizes = Photo.objects.filter(stack__in=alike).values_list("stack").annotate(count=Count("pk"))
    by_age = sizes.annotate(oldest=Min("received_at")).order_by("oldest", "stack").values_list("stack", "count")
    joined: list[uuid.UUID] = []
    room = LARGEST - 1
    for stack, size in by_age:
        # A chain of look-alikes must not tie together what has nothing in common.
        if stack is not None and size <= room and (stack in same or alike[stack] * 2 >= size):
            joined.append(stack)
            room -= size
    if len(joined) > 1:
        Photo.objects.filter(stack__in=joined[1:]).update(stack=joined[0])
    return joined[0] if joined else None


def _stacks_of(photo_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The stack of each photo that is in one."""
    photos = Photo.objects.filter(pk__in=photo_ids).values_list("pk", "stack")
    return {photo_id: stack for photo_id, stack in photos if stack is not None}


def _take_turn(photo: Photo) -> None:
    """Wait until nobody else places a photo of this volunteer in this project. Ends with the transaction."""
    name = f"{photo.project_id}/{photo.volunteer_id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [VOLUNTEER_LOCK, name])

"""Votes that decide nothing, on photos that were decided before. Reviewers cannot tell them from the others.

A second opinion finds photos to dispute; a gold photo, whose answer is settled, measures the reviewer. Which photos are
used is chosen when a reviewer asks for photos, by jumping to a random place of an index: nothing is prepared.
"""

import datetime as dt
import random
import uuid
from collections.abc import Iterable

from django.db.models import Count, Exists, OuterRef, Q

from collector.domain import projects, suspicions
from collector.enums import PhotoState, ReviewAction, Role, ServedAs
from collector.models import Label, Opinion, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem

SETTLED_BY = 2  # this many other people agreed with a decision: from then on it is gold
SHOWN = ("project", "label", "challenge", "volunteer")  # what a page shows of a photo
CHANCE = random.SystemRandom()
LOOKED_AT = 200  # photos from the random place on, of which those the reviewer does not know are chosen
REJECTED_SHARE = 0.5  # of the second opinions: rejected photos are fewer, but oftener wrong
ACCEPTED = Q(state=PhotoState.ACCEPTED)
REJECTED = Q(state=PhotoState.REJECTED)


def choose(project: Project, count: int, *, by: User) -> list[Photo]:
    """Photos to mix into the next ``count``: as many as chance and the project's shares say, none decided by them."""
    seconds = sum(CHANCE.random() < project.second_opinion_share for _ in range(count))
    golds = sum(CHANCE.random() < project.gold_share for _ in range(count))
    rejected = sum(CHANCE.random() < REJECTED_SHARE for _ in range(seconds))
    unsettled = Q(is_gold=False, is_disputed=False)
    chosen = [
        *_pick(project, ACCEPTED & unsettled, seconds - rejected, by),
        *_pick(project, REJECTED & unsettled, rejected, by),
    ]
    golden = _pick(project, Q(is_gold=True) & (ACCEPTED | REJECTED), golds, by)
    served = [(photo, ServedAs.SECOND) for photo in chosen] + [(photo, ServedAs.GOLD) for photo in golden]
    rows = [Opinion(photo=photo, reviewer=by, served_as=served_as) for photo, served_as in served]
    Opinion.objects.bulk_create(rows, ignore_conflicts=True)  # another tab of theirs may have chosen the same
    return [photo for photo, _ in served]


def asked(by: User, ids: Iterable[uuid.UUID]) -> list[Opinion]:
    """The opinions this reviewer was asked for on these photos, given or not."""
    return list(Opinion.objects.filter(reviewer=by, photo__in=ids))


def is_awaited(by: User, photo: Photo) -> bool:
    """Whether this reviewer was asked for an opinion on the photo and has not given it."""
    return Opinion.objects.filter(reviewer=by, photo=photo, action="").exists()


def record(
    opinion: Opinion, photo: Photo, *, action: ReviewAction, label: Label | None, reason: str, decision: uuid.UUID
) -> None:
    """Store an opinion. One that differs makes a photo disputed; enough that agree make it gold.

    The caller has locked the photo, so that two opinions on it are counted one after the other.
    """
    is_accept = action != ReviewAction.REJECT
    is_accepted = photo.state == PhotoState.ACCEPTED
    agrees = is_accept == is_accepted and (not is_accept or (label is not None and label.pk == photo.label_id))
    given = {"action": action, "reason": reason if not is_accept else "", "label": label if is_accept else None}
    waiting = Opinion.objects.filter(pk=opinion.pk, action="")
    if not waiting.update(**given, agrees=agrees, decision=decision) or opinion.served_as == ServedAs.GOLD:
        return
    suspicions.settle([photo.pk])
    if not agrees:
        Photo.objects.filter(pk=photo.pk).update(is_disputed=True)
    elif _agreeing(photo) >= SETTLED_BY:
        Photo.objects.filter(pk=photo.pk, is_disputed=False).update(is_gold=True)


def take_back(decision: uuid.UUID, ids: Iterable[uuid.UUID], *, by: User) -> None:
    """Forget the opinions of one decision on these photos, which the caller has locked. They can be given again."""
    given = Opinion.objects.filter(reviewer=by, decision=decision, photo__in=ids).exclude(action="")
    seconds = dict(given.filter(served_as=ServedAs.SECOND).values_list("photo_id", "agrees"))
    given.update(action="", reason="", label=None, agrees=None)
    others = Opinion.objects.filter(photo=OuterRef("pk"), served_as=ServedAs.SECOND)
    differed = [photo_id for photo_id, agrees in seconds.items() if not agrees]
    Photo.objects.filter(~Exists(others.filter(agrees=False)), pk__in=differed).update(is_disputed=False)
    for photo in Photo.objects.filter(pk__in=seconds.keys() - set(differed), is_gold=True):
        if _agreeing(photo) == SETTLED_BY - 1:  # it was this opinion that made it gold
            Photo.objects.filter(pk=photo.pk).update(is_gold=False)


def withdraw(by: User, ids: Iterable[uuid.UUID]) -> None:
    """Nobody waits for this reviewer's opinion on these photos any more: they have decided on them themselves."""
    Opinion.objects.filter(reviewer=by, photo__in=ids, action="").delete()


def settle(project: Project, photo_id: uuid.UUID, *, is_gold: bool, by: User) -> None:
    """A lead says that a decided photo's answer is right, so that it may measure reviewers, or takes that back.

    Raises Problem ``not-a-lead`` or ``not-decided``.
    """
    projects.require_role(project, by, Role.LEAD)
    decided = Photo.objects.filter(ACCEPTED | REJECTED, pk=photo_id, project=project)
    if not decided.update(is_gold=is_gold, is_disputed=False):
        raise Problem(
            "not-decided", 409, "Only a photo that is accepted or rejected can be gold.", do="Decide on it first."
        )


def agreement(project: Project, by: User, *, since: dt.datetime) -> dict[str, tuple[int, int]]:
    """How often this reviewer has agreed since then, as ``(agreed, asked)`` for ``second`` and ``gold``."""
    given = Opinion.objects.filter(reviewer=by, photo__project=project, created_at__gte=since).exclude(agrees=None)
    rows = given.values_list("served_as").annotate(agreed=Count("pk", filter=Q(agrees=True)), asked=Count("pk"))
    return {served_as: (agreed, asked) for served_as, agreed, asked in rows}


def _agreeing(photo: Photo) -> int:
    """How many second opinions say what the photo's decision says now; it may have been decided anew since."""
    same = Q(action=ReviewAction.REJECT)
    if photo.state == PhotoState.ACCEPTED:
        same = Q(action__in=[ReviewAction.ACCEPT, ReviewAction.RELABEL], label=photo.label_id)
    return Opinion.objects.filter(same, photo=photo, served_as=ServedAs.SECOND).count()


def _pick(project: Project, which: Q, count: int, by: User) -> list[Photo]:
    """Up to ``count`` photos from a random place on, and from the first where the last is reached.

    Ids are random, so neighbours have nothing in common. Few are looked at, also where this reviewer knows nearly all.
    """
    start, found = uuid.uuid4(), list[Photo]()
    mine = Review.objects.filter(photo=OuterRef("pk"), reviewer=by)
    heard = Opinion.objects.filter(photo=OuterRef("pk"), reviewer=by)
    for side in (Q(pk__gte=start), Q(pk__lt=start)):
        if len(found) >= count:
            break
        some = Photo.objects.filter(which, side, project=project).order_by("pk").values("pk")[:LOOKED_AT]
        fresh = Photo.objects.filter(~Exists(mine), ~Exists(heard), pk__in=some).order_by("pk")
        found += fresh.select_related(*SHOWN).prefetch_related("challenge__conditions")[: count - len(found)]
    return found

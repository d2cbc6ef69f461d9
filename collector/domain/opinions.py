"""Votes that decide nothing, on photos that were decided before. Reviewers cannot tell them from the others.

A second opinion finds photos to dispute; a gold photo, whose answer is settled, measures the reviewer. Which photos are
used is chosen when a reviewer asks for photos, by jumping to a random place of an index: nothing is prepared.
"""

import random
import uuid
from collections.abc import Iterable

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from collector.domain import projects
from collector.enums import PhotoState, ReviewAction, Role, ServedAs
from collector.models import Label, Opinion, Photo, Project, Review
from foundation.models import User
from foundation.problems import Problem

SETTLED_BY = 2  # this many other people agreed with a decision: from then on it is gold
SHOWN = ("project", "label", "challenge", "volunteer")  # what a page shows of a photo
CHANCE = random.SystemRandom()
REJECTED_SHARE = 0.5  # of the second opinions: rejected photos are fewer, but oftener wrong
ACCEPTED = Q(state=PhotoState.ACCEPTED)
REJECTED = Q(state=PhotoState.REJECTED)


def choose(project: Project, count: int, *, by: User) -> list[Photo]:
    """Photos to mix into the next ``count``: as many as chance and the project's shares say, none decided by them."""
    seconds = sum(CHANCE.random() < project.second_opinion_share for _ in range(count))
    golds = sum(CHANCE.random() < project.gold_share for _ in range(count))
    rejected = sum(CHANCE.random() < REJECTED_SHARE for _ in range(seconds))
    unheard = Q(~Exists(Opinion.objects.filter(photo=OuterRef("pk"))), is_gold=False)
    chosen = [
        *_pick(project, ACCEPTED & unheard, seconds - rejected, by),
        *_pick(project, REJECTED & unheard, rejected, by),
    ]
    golden = _pick(project, Q(is_gold=True) & (ACCEPTED | REJECTED), golds, by)
    served = [(photo, ServedAs.SECOND) for photo in chosen] + [(photo, ServedAs.GOLD) for photo in golden]
    rows = [Opinion(photo=photo, reviewer=by, served_as=served_as) for photo, served_as in served]
    Opinion.objects.bulk_create(rows, ignore_conflicts=True)  # another tab of theirs may have chosen the same
    return [photo for photo, _ in served]


def awaited(by: User, ids: Iterable[uuid.UUID]) -> QuerySet[Opinion]:
    """The opinions this reviewer was asked for on these photos and has not given."""
    return Opinion.objects.filter(reviewer=by, photo__in=ids, action="")


def record(
    opinion: Opinion, photo: Photo, *, action: ReviewAction, label: Label | None, reason: str, decision: uuid.UUID
) -> None:
    """Store an opinion. One that differs makes a photo disputed; enough that agree make it gold."""
    is_accept = action != ReviewAction.REJECT
    is_accepted = photo.state == PhotoState.ACCEPTED
    agrees = is_accept == is_accepted and (not is_accept or (label is not None and label.pk == photo.label_id))
    given = {"action": action, "reason": reason if not is_accept else "", "label": label if is_accept else None}
    waiting = Opinion.objects.filter(pk=opinion.pk, action="")
    if not waiting.update(**given, agrees=agrees, decision=decision) or opinion.served_as == ServedAs.GOLD:
        return
    if not agrees:
        Photo.objects.filter(pk=photo.pk).update(is_disputed=True)
    elif Opinion.objects.filter(photo=photo, served_as=ServedAs.SECOND, agrees=True).count() >= SETTLED_BY:
        Photo.objects.filter(pk=photo.pk, is_disputed=False).update(is_gold=True)


def take_back(project: Project, decision: uuid.UUID, *, by: User) -> list[uuid.UUID]:
    """Forget the opinions of one decision, so that they can be given again; returns their photos."""
    given = Opinion.objects.filter(reviewer=by, decision=decision, photo__project=project)
    found = list(given.values_list("photo_id", flat=True))
    if found:
        given.update(action="", reason="", label=None, agrees=None)
        differing = Opinion.objects.filter(photo=OuterRef("pk"), agrees=False)
        Photo.objects.filter(~Exists(differing), pk__in=found).update(is_disputed=False)
    return found


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


def agreement(project: Project, by: User) -> dict[str, tuple[int, int]]:
    """How often this reviewer agreed, as ``(agreed, asked)`` for ``second`` and ``gold``."""
    given = Opinion.objects.filter(reviewer=by, photo__project=project).exclude(agrees=None)
    rows = given.values_list("served_as").annotate(agreed=Count("pk", filter=Q(agrees=True)), asked=Count("pk"))
    return {served_as: (agreed, asked) for served_as, agreed, asked in rows}


def _pick(project: Project, which: Q, count: int, by: User) -> list[Photo]:
    """Up to ``count`` photos from a random place on; ids are random, so neighbours have nothing in common."""
    if count <= 0:
        return []
    mine = Review.objects.filter(photo=OuterRef("pk"), reviewer=by)
    heard = Opinion.objects.filter(photo=OuterRef("pk"), reviewer=by)
    found = Photo.objects.filter(which, ~Exists(mine), ~Exists(heard), project=project, pk__gte=uuid.uuid4())
    return list(found.select_related(*SHOWN).prefetch_related("challenge__conditions").order_by("pk")[:count])

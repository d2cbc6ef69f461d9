"""Somebody leaves, and takes everything with them. At once nobody sees it any more; a job deletes the bytes."""

import uuid

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from collector.domain import archives, photos, volunteers
from collector.domain.people import Person
from collector.enums import DeletionCause
from collector.models import Appeal, Contribution, Device, Erasure, Export, Hold, Membership, Photo, Volunteer
from foundation import accounts, blobs, jobs
from foundation.models import User
from foundation.problems import Problem

ERASE_ACCOUNT = "collector.erase_account"
ROWS_AT_ONCE = 100


def ask_erasure(person: Person) -> Erasure:
    """Erase the person: photos, devices, sessions, name and address. Twice is fine: the first receipt comes back.

    What stays says nothing of them: photos without content, so that late uploads cannot bring them back; the texts
    they agreed to, which prove that what was learned was learned rightly; a row that their reviews point to.
    Raises Problem ``last-administrator``.
    """
    with transaction.atomic():
        if person.user is not None:  # in the order in which joining an account locks them
            _keep_an_administrator(person.user)
            list(User.objects.select_for_update(no_key=True).filter(pk=person.user.pk))
        everybody = _lock_volunteers(person)
        first = _find(person)
        if first is not None:
            return first
        mine = Photo.objects.filter(volunteer__in=everybody)
        count = len(photos.mark_deleted(mine, DeletionCause.ACCOUNT))
        erasure = Erasure.objects.create(user=person.user, volunteer=person.volunteer, photos=count)
        _forget_volunteers(everybody)
        if person.user is not None:
            _forget_user(person.user)
        jobs.add(ERASE_ACCOUNT, str(erasure.pk))
    return erasure


def get_erasure(erasure_id: uuid.UUID) -> Erasure:
    """The receipt; whoever knows its id may see it, for it names nobody. Raises Problem ``unknown-erasure``."""
    erasure = Erasure.objects.filter(pk=erasure_id).first()
    if erasure is None:
        raise Problem("unknown-erasure", 404, "There is no such receipt.", do="Check its number.")
    return erasure


def carry_out(erasure_id: uuid.UUID) -> bool:
    """Delete every byte of somebody who left. False if the job is done or held by somebody else.

    Killed anywhere, the next attempt goes on after the last batch; deleting twice does no harm.
    """
    lease = jobs.claim(ERASE_ACCOUNT, str(erasure_id))
    if lease is None:
        return False
    with jobs.holding(lease):
        erasure = Erasure.objects.select_related("user", "volunteer").get(pk=erasure_id)
        _delete_exports(erasure)
        while _delete_batch(erasure):
            pass
        with transaction.atomic():
            jobs.finish(lease)
            Erasure.objects.filter(pk=erasure_id).update(finished_at=Now())
    return True


def _lock_volunteers(person: Person) -> list[Volunteer]:
    if person.volunteer is None:
        return []
    return list(volunteers.all_of(person.volunteer).select_for_update(no_key=True).order_by("pk"))


def _find(person: Person) -> Erasure | None:
    return Erasure.objects.filter(person.rows).first()


def _keep_an_administrator(user: User) -> None:
    """Refuse where nobody could administer the site afterwards. The lock keeps the last two from leaving at once."""
    administrators = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    if [one.pk for one in administrators.select_for_update(no_key=True)] == [user.pk]:
        raise Problem(
            "last-administrator",
            409,
            "You are the only administrator, and nobody could let others in after you.",
            do="Make somebody else an administrator first, then come back.",
        )


def _forget_volunteers(everybody: list[Volunteer]) -> None:
    mine = Volunteer.objects.filter(pk__in=[one.pk for one in everybody])
    Device.objects.filter(volunteer__in=everybody, revoked_at=None).update(revoked_at=Now())
    Device.objects.filter(volunteer__in=everybody).update(name="", last_seen_on=None)
    Appeal.objects.filter(photo__volunteer__in=everybody).update(text="")
    Export.objects.filter(volunteer__in=everybody).update(expires_at=Now())
    Contribution.objects.filter(volunteer__in=everybody).delete()
    mine.update(erased_at=Now(), nickname="", import_name="", import_project=None, user=None)


def _forget_user(user: User) -> None:
    Membership.objects.filter(user=user).delete()
    Hold.objects.filter(reviewer=user).delete()
    Export.objects.filter(user=user).update(expires_at=Now())
    accounts.anonymise(user)


def _delete_exports(erasure: Erasure) -> None:
    mine = Q(pk__in=())
    if erasure.user is not None:
        mine |= Q(user=erasure.user)
    if erasure.volunteer is not None:
        mine |= Q(volunteer__in=volunteers.all_of(erasure.volunteer))
    for export in Export.objects.filter(mine):
        blobs.delete(archives.blob_key(export))
        export.delete()


def _delete_batch(erasure: Erasure) -> bool:
    """Delete the bytes of the next photos, and note how far that is. False where none is left."""
    if erasure.volunteer is None:
        return False
    left = Photo.objects.filter(
        volunteer__in=volunteers.all_of(erasure.volunteer), deleted_because=DeletionCause.ACCOUNT
    ).order_by("pk")
    if erasure.erased_up_to is not None:
        left = left.filter(pk__gt=erasure.erased_up_to)
    batch = list(left[:ROWS_AT_ONCE])
    for photo in batch:
        photos.delete_bytes(photo)
    if batch:
        erasure.erased_up_to = batch[-1].pk
        Erasure.objects.filter(pk=erasure.pk).update(erased_up_to=erasure.erased_up_to)
    return bool(batch)

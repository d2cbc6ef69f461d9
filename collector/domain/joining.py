"""A guest becomes an account; what was sent before stays theirs."""

from django.db import transaction

from collector.domain import volunteers
from collector.models import Consent, Device, Photo, Volunteer
from foundation.models import User
from foundation.problems import Problem


def join_account(device: Device, user: User) -> Volunteer:
    """Let the device speak for the user's volunteer from now on, with all the photos it sent. Twice is fine.

    Where the user has no volunteer yet, the guest becomes it; else the guest is merged into it. The token stays
    good. Raises Problem ``another-account`` (409) where the device belongs to somebody else, or ``account-erased``.
    """
    with transaction.atomic():
        _lock(user)  # two devices of one person: one after the other
        guest = volunteers.lock_surviving(device.volunteer)
        if guest.user_id == user.pk:
            return guest
        if guest.user_id is not None:
            raise Problem(
                "another-account",
                409,
                "This device belongs to another account.",
                do="Sign in to that account, or become a guest again on this device.",
            )
        mine = Volunteer.objects.select_for_update(no_key=True).filter(user=user).first()
        if mine is None:
            guest.user = user
            guest.save(update_fields=["user"])
            return guest
        _merge(guest, into=mine)
        return mine


def _lock(user: User) -> None:
    if not User.objects.select_for_update(no_key=True).filter(pk=user.pk, is_active=True).exists():
        raise volunteers.erased()


def _merge(guest: Volunteer, *, into: Volunteer) -> None:
    """Move everything. Uploads under way wait for the guest's row, and find there whom they go to."""
    moved = Photo.objects.filter(volunteer=guest).order_by("pk").select_for_update(no_key=True, of=("self",))
    Photo.objects.filter(pk__in=list(moved.values_list("pk", flat=True))).update(volunteer=into)
    Device.objects.filter(volunteer=guest).update(volunteer=into)
    # A text that both agreed to stays twice, once with each: photos point to the proof they were sent under.
    known = Consent.objects.filter(volunteer=into).values("text")
    Consent.objects.filter(volunteer=guest).exclude(text__in=known).update(volunteer=into)
    if guest.nickname and not into.nickname:
        Volunteer.objects.filter(pk=into.pk).update(nickname=guest.nickname)
    Volunteer.objects.filter(pk=guest.pk).update(merged_into=into, nickname="")

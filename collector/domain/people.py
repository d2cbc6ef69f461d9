"""A person as we know them: an account, a volunteer, or both."""

from dataclasses import dataclass

from django.db.models import Q

from collector.domain import projects
from collector.models import Device, Volunteer
from foundation.models import User
from foundation.problems import Problem


@dataclass(frozen=True)
class Person:
    """At least one of the two is there."""

    user: User | None = None
    volunteer: Volunteer | None = None

    @property
    def has_role(self) -> bool:
        """Whether others' photos are open to this person."""
        return self.user is not None and has_role(self.user)

    @property
    def rows(self) -> Q:
        """What of a table with ``user`` and ``volunteer`` is this person's."""
        mine = Q(pk__in=())
        if self.user is not None:
            mine |= Q(user=self.user)
        if self.volunteer is not None:
            mine |= Q(volunteer=self.volunteer)
        return mine


def has_role(user: User) -> bool:
    """Whether this user may see or change anything that is not their own."""
    return user.is_staff or user.is_superuser or projects.has_membership(user)


def person_of_device(device: Device) -> Person:
    """Whoever the device speaks for."""
    return Person(device.volunteer.user, device.volunteer)


def person_of_user(user: User) -> Person:
    """Whoever is signed in."""
    return Person(user, Volunteer.objects.filter(user=user).first())


def require_no_role(person: Person) -> None:
    """Raise Problem ``use-the-account-page`` for people with a role: a phone's token must not end their account."""
    if person.has_role:
        raise Problem(
            "use-the-account-page",
            403,
            "Your account has a role in a project, so a phone cannot do this.",
            do="Sign in to the account page and do it there.",
        )

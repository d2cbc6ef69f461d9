"""What an account is made of besides its row: addresses, factors, sessions. And how nothing is left of it."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from foundation.models import User

GONE = "somebody who left"


def has_factor(user: User) -> bool:
    """Whether more than a mailbox is needed to sign in as this person: a passkey, a security key or an app."""
    factors = Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES)
    return bool(factors.exists())


def factors_of(user: User) -> list[Authenticator]:
    """The ways to sign in besides mail and password, oldest first."""
    return list(Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES).order_by("pk"))


def sessions_of(user: User) -> list[UserSession]:
    """The sessions that are still open, newest first, in one query."""
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    return list(UserSession.objects.filter(user=user, session_key__in=alive).order_by("-created_at", "-pk"))


def end_session(user: User, session_id: int) -> bool:
    """End one session of this person. False where there is none."""
    session = UserSession.objects.filter(user=user, pk=session_id).first()
    if session is not None:
        session.end()
    return session is not None


def describe(user: User) -> dict[str, Any]:
    """All that is kept of the account, for its owner. Secrets stay where they are."""
    return {
        "email": user.email,
        "name": user.display_name,
        "created_at": user.created_at,
        "last_signed_in_at": user.last_login,
        "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified")),
        "ways_to_sign_in": [
            {"kind": one.get_type_display(), "name": str(one), "added_at": one.created_at, "used_at": one.last_used_at}
            for one in factors_of(user)
        ],
        "sessions": list(
            UserSession.objects.filter(user=user).values("ip", "user_agent", "created_at", "last_seen_at")
        ),
    }


def anonymise(user: User) -> None:
    """Leave of the person only the row that reviews point to, and let nobody sign in with it again.

    Repeating it is fine. Sessions that nobody listed end too: they carry a digest of the password, which changes.
    """
    with transaction.atomic():
        for session in UserSession.objects.filter(user=user):
            session.end()
        EmailAddress.objects.filter(user=user).delete()
        Authenticator.objects.filter(user=user).delete()
        user.groups.clear()
        user.user_permissions.clear()
        user.email = f"erased-{user.pk}@erased.invalid"
        user.display_name = GONE
        user.is_active = user.is_staff = user.is_superuser = False
        user.last_login = None
        user.set_unusable_password()
        user.save()

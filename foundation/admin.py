"""Factors and sessions in Django's admin: looked at and deleted, for people who lost a phone. Never their secrets."""

from typing import TYPE_CHECKING, Any

import allauth.mfa.admin
import allauth.usersessions.admin  # noqa: F401 -- both register what is registered anew here
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import HttpRequest

if TYPE_CHECKING:  # generic only in the stubs
    Table = admin.ModelAdmin[Any]
else:
    Table = admin.ModelAdmin

admin.site.unregister([Authenticator, UserSession])


class LookOrDelete(Table):
    """Nobody adds or changes rows by hand."""

    search_fields = ("user__email",)
    list_select_related = ("user",)
    show_full_result_count = False

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """People add their own."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """People change their own."""
        return False


@admin.register(Authenticator)
class AuthenticatorAdmin(LookOrDelete):
    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    exclude = ("data",)  # holds the secret of an app and the seed of recovery codes


@admin.register(UserSession)
class UserSessionAdmin(LookOrDelete):
    list_display = ("user", "created_at", "last_seen_at", "ip", "user_agent")
    exclude = ("data",)

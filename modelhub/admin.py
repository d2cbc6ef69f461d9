"""Releases and channels in Django's admin, to be read: a release never changes, and channels move by domain code."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from modelhub.models import Artifact, Channel, Release

if TYPE_CHECKING:  # generic only in the stubs
    ReleaseBase = admin.ModelAdmin[Release]
    ChannelBase = admin.ModelAdmin[Channel]
    InlineBase = admin.TabularInline[Artifact, Release]
else:
    ReleaseBase = ChannelBase = admin.ModelAdmin
    InlineBase = admin.TabularInline


class ReadOnly:
    """Nothing to add, change or delete."""

    def has_add_permission(self, *_args: Any) -> bool:
        """Publish with a night."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Releases are immutable."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Phones may be using it."""
        return False


class ArtifactInline(ReadOnly, InlineBase):
    model = Artifact
    fields = (
        "runtime",
        "precision",
        "format",
        "size_bytes",
        "golden_accuracy",
        "flips_vs_fp32",
        "verified_by",
        "sha256",
    )


@admin.register(Release)
class ReleaseAdmin(ReadOnly, ReleaseBase):
    list_display = ("project_slug", "version", "iface", "origin", "created_at")
    list_filter = ("project_slug",)
    inlines: ClassVar = [ArtifactInline]


@admin.register(Channel)
class ChannelAdmin(ReadOnly, ChannelBase):
    list_display = ("project_slug", "name", "iface", "release", "seq")
    list_filter = ("project_slug", "name")
    list_select_related = ("release",)

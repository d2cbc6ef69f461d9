"""Runs and stages to look at. Nothing here can be changed by hand: the night writes them, fenced."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from training.models import FeaturePack, Run, SplitSide, Stage

if TYPE_CHECKING:  # generic only in the stubs
    Table = admin.ModelAdmin[Any]
else:
    Table = admin.ModelAdmin


class ReadOnly(Table):
    """A table to look at."""

    def has_add_permission(self, *_args: Any) -> bool:
        """Nobody adds rows here."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Nobody deletes rows here."""
        return False


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ("project", "night", "state", "release", "why")
    list_filter = ("state", "project")
    list_select_related = ("project",)


@admin.register(Stage)
class StageAdmin(ReadOnly):
    list_display = ("run", "name", "seconds", "cpu_seconds", "output_digest", "finished_at")
    list_filter = ("name",)
    list_select_related = ("run__project",)


@admin.register(FeaturePack)
class FeaturePackAdmin(ReadOnly):
    list_display = ("project", "photos", "state", "key", "created_at")
    list_filter = ("state", "project")
    list_select_related = ("project",)


@admin.register(SplitSide)
class SplitSideAdmin(ReadOnly):
    list_display = ("project", "group", "side", "created_at", "retired_on")
    list_filter = ("side", "project")
    list_select_related = ("project",)

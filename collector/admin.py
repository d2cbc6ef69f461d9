"""Django's admin for rare edits: projects, labels, members and challenges. Photos and reviews are only looked at."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from collector.domain import consents
from collector.models import Challenge, Condition, ConsentText, Label, Membership, Photo, Project, Review, Volunteer

if TYPE_CHECKING:  # generic only in the stubs
    Table = admin.ModelAdmin[Any]
    LabelRows = admin.TabularInline[Label, Project]
    ConditionRows = admin.TabularInline[Condition, Project]
    MemberRows = admin.TabularInline[Membership, Project]
else:
    Table = admin.ModelAdmin
    LabelRows = ConditionRows = MemberRows = admin.TabularInline


class LabelInline(LabelRows):
    model = Label
    extra = 0
    can_delete = False  # photos point to it; retire it instead


class ConditionInline(ConditionRows):
    model = Condition
    extra = 0
    can_delete = False  # challenges and what was gathered for them point to it; retire it instead

    def get_readonly_fields(self, _request: HttpRequest, _obj: Any = None) -> tuple[str, ...]:
        """New ones come with ``manage.py set_condition``; a slug stays for ever."""
        return ("slug",)

    def has_add_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """See above."""
        return False


class MemberInline(MemberRows):
    model = Membership
    extra = 0
    raw_id_fields = ("user",)


@admin.register(Project)
class ProjectAdmin(Table):
    list_display = ("name", "slug", "timezone", "created_at")
    inlines = (LabelInline, ConditionInline, MemberInline)
    exclude = ("split_secret",)  # whoever knows it knows who is in the golden set
    readonly_fields = ("slug", "created_at")

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """``manage.py create_project`` makes the secret too."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Photos belong to it."""
        return False


@admin.register(Challenge)
class ChallengeAdmin(Table):
    list_display = ("project", "day", "text", "label", "target_count")
    list_filter = ("project",)
    list_select_related = ("project", "label")
    date_hierarchy = "day"


class ReadOnly(Table):
    """A table to look at."""

    show_full_result_count = False  # counting a million rows is slow
    list_per_page = 50

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """The domain adds rows."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Reviews change photos."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Owners erase photos, bytes and all."""
        return False


@admin.register(Photo)
class PhotoAdmin(ReadOnly):
    list_display = ("id", "project", "state", "label", "received_at")
    list_filter = ("state", "project")
    list_select_related = ("project", "label")


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    list_display = ("photo_id", "action", "reason", "label", "reviewer", "created_at")
    list_filter = ("action",)
    list_select_related = ("label", "reviewer")


@admin.register(Volunteer)
class VolunteerAdmin(ReadOnly):
    list_display = ("id", "nickname", "created_at")


@admin.register(ConsentText)
class ConsentTextAdmin(Table):
    """Texts are published here and never changed: photos point to them as proof."""

    list_display = ("version", "published_at")
    fields = ("version", "body", "published_at")
    readonly_fields = ("published_at",)
    ordering = ("-published_at",)

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Other words are another version."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Somebody may have agreed to it."""
        return False

    def save_model(self, _request: HttpRequest, obj: ConsentText, _form: Any, _change: bool) -> None:
        """As the command does; the form has refused a version that is taken."""
        published = consents.publish_text(obj.version, obj.body)
        obj.pk, obj.published_at = published.pk, published.published_at

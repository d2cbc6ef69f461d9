"""Projects, their labels, and who may do what in them."""

import secrets
import zoneinfo
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet
from django.utils.text import slugify

from collector.domain import conditions
from collector.enums import LabelState, Role
from collector.models import Label, Membership, Project
from foundation.models import User
from foundation.problems import Problem

LISTED = 20  # how many names an error lists before it says how many more there are


def create_project(
    slug: str, *, name: str, labels: Iterable[tuple[str, str] | tuple[str, str, LabelState]] = (), **settings: Any
) -> Project:
    """Create a project with its first labels: ``(slug, name)`` or ``(slug, name, state)``, in the order shown.

    Labels are live unless they say otherwise; ``settings`` are further fields of ``Project``.
    Raises Problem ``project-exists``, ``invalid-project`` or that of a label.
    """
    project = Project(slug=slug, name=name, split_secret=secrets.token_hex(32), **settings)
    if Project.objects.filter(slug=slug).exists():
        raise _taken(slug)
    if project.timezone not in zoneinfo.available_timezones():
        raise Problem(
            "invalid-project", 400, f"There is no time zone '{project.timezone}'.", allowed="Such as Europe/Ankara."
        )
    _clean(project, "invalid-project")
    try:
        with transaction.atomic():
            project.save()
            conditions.add_usual(project)
            for label_slug, label_name, *state in labels:
                add_label(project, label_slug, name=label_name, state=state[0] if state else LabelState.LIVE)
    except IntegrityError as error:  # lost a race against another process
        raise _taken(slug) from error
    return project


def change_settings(project: Project, **settings: Any) -> None:
    """Give fields of ``Project`` other values. Raises Problem ``invalid-project``, and then changes nothing."""
    for name, value in settings.items():
        setattr(project, name, value)
    _clean(project, "invalid-project")
    project.save(update_fields=list(settings))


def get_project(slug: str) -> Project:
    """Return the project, or raise Problem ``unknown-project`` that lists those there are."""
    try:
        return Project.objects.get(slug=slug)
    except Project.DoesNotExist:
        allowed = _listed(Project.objects.order_by("slug").values_list("slug", flat=True))
        raise Problem(
            "unknown-project",
            404,
            f"There is no project called '{slug}'.",
            allowed=allowed or "No project exists yet.",
            do="Use one of these." if allowed else "Create one with: manage.py create_project SLUG --name NAME",
        ) from None


def add_label(project: Project, slug: str, *, name: str = "", state: str = LabelState.LIVE) -> Label:
    """Add a label after the others. Raises Problem ``label-exists`` or ``invalid-label``."""
    last = project.labels.aggregate(last=Max("position"))["last"]
    label = Label(project=project, slug=slug, name=name or slug, state=state, position=0 if last is None else last + 1)
    if project.labels.filter(slug=slug).exists():
        raise Problem("label-exists", 409, f"{project} already has a label '{slug}'.", do="Choose another slug.")
    _clean(label, "invalid-label")
    label.save()
    return label


def get_label(project: Project, slug: str) -> Label:
    """Return the project's label, or raise Problem ``unknown-label`` that lists those there are."""
    try:
        return project.labels.get(slug=slug)
    except Label.DoesNotExist:
        allowed = _listed(project.labels.values_list("slug", flat=True))
        raise Problem(
            "unknown-label",
            404,
            f"{project} has no label '{slug}'.",
            allowed=allowed or "This project has no labels yet.",
            do="Use one of these labels, or leave the label out if you do not know it.",
        ) from None


def offered_labels(project: Project) -> QuerySet[Label]:
    """The labels a photo may be given, in their order: all but the retired."""
    return project.labels.exclude(state=LabelState.RETIRED)


def label_slug(name: str) -> str:
    """A slug for a label that somebody named freely, such as a folder: ``20 Euro`` becomes ``20-euro``."""
    return slugify(name)[:60]


def start_teaching(label: Label) -> Label:
    """Let the coming nights teach a label that was only gathered so far. Raises Problem ``not-collecting``."""
    moved = Label.objects.filter(pk=label.pk, state=LabelState.COLLECTING).update(state=LabelState.LIVE)
    label.refresh_from_db()
    if not moved:
        raise Problem(
            "not-collecting",
            409,
            f"The label '{label.slug}' is {label.state}.",
            allowed="Only a label that is collecting can be started.",
        )
    return label


def add_member(project: Project, user: User, role: str = Role.REVIEWER) -> Membership:
    """Give a person a role in the project; a second call changes the role."""
    if role not in Role.values:
        raise Problem(
            "unknown-role", 400, f"There is no role '{role}'.", allowed=", ".join(Role.values), do="Use one of these."
        )
    membership, _ = Membership.objects.update_or_create(project=project, user=user, defaults={"role": role})
    return membership


def can_review(project: Project, user: User | AnonymousUser) -> bool:
    """Whether this person may see and decide on the project's photos."""
    return role_of(project, user) is not None


RANKS = [Role.REVIEWER, Role.LEAD, Role.ADMIN]  # each may do all that those before it may
NOT = {Role.REVIEWER: "not-a-reviewer", Role.LEAD: "not-a-lead", Role.ADMIN: "not-an-admin"}


def role_of(project: Project, user: User | AnonymousUser) -> Role | None:
    """The user's role in the project; superusers are admins everywhere, strangers nothing."""
    if not isinstance(user, User) or not user.is_active:
        return None
    if user.is_superuser:
        return Role.ADMIN
    found = Membership.objects.filter(project=project, user=user).values_list("role", flat=True).first()
    return Role(found) if found else None


def require_role(project: Project, user: User | AnonymousUser, least: Role) -> Role:
    """The user's role. Raises Problem ``not-a-reviewer``, ``not-a-lead`` or ``not-an-admin`` where it is less."""
    role = role_of(project, user)
    if role is not None and RANKS.index(role) >= RANKS.index(least):
        return role
    article = "an" if least == Role.ADMIN else "a"
    raise Problem(
        NOT[least],
        403,
        f"You are not {article} {least} of {project}.",
        do="Ask the project's admin to add you, or sign in with another account.",
    )


def has_membership(user: User) -> bool:
    """Whether this person has a role in any project."""
    return Membership.objects.filter(user=user).exists()


def require_reviewer(project: Project, user: User | AnonymousUser) -> None:
    """Raise Problem ``not-a-reviewer`` unless the user belongs to the project; superusers may do everything."""
    require_role(project, user, Role.REVIEWER)


def projects_of(user: User | AnonymousUser) -> QuerySet[Project]:
    """The projects this person may review, by name."""
    if not isinstance(user, User):
        return Project.objects.none()
    found = Project.objects.all() if user.is_superuser else Project.objects.filter(members=user)
    return found.order_by("name", "slug")


def _clean(row: Project | Label, kind: str) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        value = getattr(row, field, None)
        raise Problem(
            kind,
            400,
            f"The {field.replace('_', ' ')} {value!r} does not fit: {messages[0]}",
            do="Correct it and try again.",
            fields=error.message_dict,
        ) from error


def _taken(slug: str) -> Problem:
    return Problem(
        "project-exists", 409, f"A project called '{slug}' already exists.", do="Use it, or choose another slug."
    )


def _listed(slugs: Iterable[str]) -> str:
    names = list(slugs)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more

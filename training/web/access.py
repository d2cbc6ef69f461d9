"""Who may read about a project's nights."""

from django.http import HttpRequest

from collector.domain import projects
from collector.enums import Role
from collector.models import Project


def require_access(request: HttpRequest, slug: str) -> tuple[Project, Role]:
    """The project, and the reader's role in it. Raises Problem ``unknown-project`` or ``not-a-reviewer``."""
    project = projects.get_project(slug)
    return project, projects.require_role(project, request.user, Role.REVIEWER)

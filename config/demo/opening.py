"""Before the demo's first day: a project of its own, a reviewer who can sign in, the hub's key."""

import os
import secrets
from pathlib import Path

from django.conf import settings

from collector.domain import challenges, projects
from collector.enums import LabelState, Role
from collector.models import Project
from config.demo.pictures import Plan
from foundation.models import User
from modelhub.domain import signing

REVIEWER = "demo@example.org"
SLUG = "demo"
INPUT_SIZE = 128  # pixels
MIN_GOLDEN = 30  # photos a label: with fewer, not even a model without any mistake is shown to be as good
MARGIN = 0.1  # wide, because about a hundred golden photos cannot tell two good models apart more finely


def open_project(plan: Plan, *, pretrained: str, architecture: str, fit_budget_s: int) -> Project:
    """A new project for the plan: ``demo``, or ``demo-2`` and so on where earlier demos left theirs."""
    signing.make_keys(settings.HUB_KEY_FILE)
    labels = [
        (slug, name, LabelState.COLLECTING if slug == plan.collecting else LabelState.LIVE)
        for slug, name in plan.labels
    ]
    project = projects.create_project(
        _free_slug(),
        name=plan.title,
        labels=labels,
        architectures=[architecture],
        pretrained=pretrained,
        input_size=INPUT_SIZE,
        capture_profile=plan.capture_profile,
        fit_budget_s=fit_budget_s,
        min_golden_per_label=MIN_GOLDEN,
        margin=MARGIN,
    )
    text = "Photograph any one of these, held in your hand or lying where you are."
    challenges.set_challenge(project, challenges.local_day(project), text=text)
    return project


def open_account(project: Project) -> tuple[User, str]:
    """The reviewer and their password, which stays the same from demo to demo on one home."""
    password = _password(Path(settings.DAYBREAK_HOME) / "keys" / "demo-password")
    user = User.objects.filter(email=REVIEWER).first()
    if user is None:
        user = User.objects.create_superuser(REVIEWER, password, display_name="Demo reviewer")
    elif not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    projects.add_member(project, user, Role.ADMIN)
    return user, password


def _password(path: Path) -> str:
    """Made once, readable by its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text("ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        password = secrets.token_urlsafe(9)
        file.write(password)
    return password


def _free_slug() -> str:
    taken = set(Project.objects.filter(slug__startswith=SLUG).values_list("slug", flat=True))
    names = (SLUG if number == 1 else f"{SLUG}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)

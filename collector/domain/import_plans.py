"""What can be known of an import before a photo is opened: how many, which labels, which volunteers, which splits."""

import itertools
from dataclasses import dataclass, field

from collector.domain import projects
from collector.domain.sources import Source, refuse
from collector.models import Label, Photo, Project
from foundation.problems import Problem

CHUNK = 1000  # names in one query


@dataclass
class Plan:
    """What the first walk through the source found; nothing is stored yet."""

    count: int = 0
    labels: dict[str, str] = field(default_factory=dict)  # as written -> where first
    splits: dict[str, tuple[str, str]] = field(default_factory=dict)  # volunteer -> split, where
    volunteers: set[str] = field(default_factory=set)


def plan_import(source: Source, project: Project, *, create_labels: bool = False) -> Plan:
    """Walk through the source and check all that can be checked without opening a photo.

    Raises Problem ``import-refused`` for an empty source, a missing file, an unknown label, or a volunteer on both
    sides of the split. A project without any label takes those of the source, without being told ``create_labels``.
    """
    plan = Plan()
    for item in source.items():
        plan.count += 1
        plan.labels.setdefault(item.label, item.where)
        plan.volunteers.add(item.volunteer)
        if item.volunteer and item.split:
            split, where = plan.splits.setdefault(item.volunteer, (item.split, item.where))
            if split != item.split:
                raise _contradiction(item.volunteer, f"{split} in {where}", f"{item.split} in {item.where}")
    if not plan.count:
        raise refuse("There is no photo in the source.", do="Check that photos lie in folders named after labels.")
    _check_splits(plan, project)
    _check_labels(plan, project, create_labels=create_labels)
    return plan


def known_labels(project: Project) -> dict[str, Label]:
    """The labels a source may name, by slug and by name in lower case."""
    offered = list(projects.offered_labels(project))
    return {label.name.lower(): label for label in offered} | {label.slug: label for label in offered}


def _check_labels(plan: Plan, project: Project, *, create_labels: bool) -> None:
    known = known_labels(project)
    for written, where in plan.labels.items():
        slug = projects.label_slug(written)
        if not written or written.lower() in known or slug in known:
            continue
        if not slug:
            raise refuse(
                f"The label '{written}' ({where}) has no letter or digit to make a slug of.",
                allowed="Names of labels the project has.",
                do="Add the label with a slug of your own first: manage.py create_project or the admin page.",
            )
        if known and not create_labels:
            raise refuse(
                f"{project} has no label '{written}' ({where}).",
                allowed=", ".join(sorted({label.slug for label in known.values()})),
                do="Correct it, or give --create-labels.",
            )


def _check_splits(plan: Plan, project: Project) -> None:
    """Against what earlier imports pinned."""
    pinned = Photo.objects.filter(project=project, volunteer__import_project=project).exclude(pinned_split="")
    names = iter(plan.splits)
    while chunk := list(itertools.islice(names, CHUNK)):
        earlier = pinned.filter(volunteer__import_name__in=chunk).values_list("volunteer__import_name", "pinned_split")
        for name, split in earlier.distinct():
            wanted, where = plan.splits[name]
            if wanted != split:
                raise _contradiction(name, f"{split} by an earlier import", f"{wanted} in {where}")


def _contradiction(volunteer: str, one: str, other: str) -> Problem:
    return refuse(
        f"The volunteer '{volunteer}' is {one}, but {other}.",
        allowed="One side of the split for all photos of a volunteer, or the test would know the training.",
        do="Correct one of them.",
    )

"""``manage.py set_condition PROJECT SLUG --axis AXIS --name NAME``."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.domain import conditions, projects
from collector.enums import ConditionAxis
from foundation.problems import Problem


class Command(BaseCommand):
    help = "Add a condition that challenges may ask for, or rename or retire the one with this slug."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One condition of one project."""
        parser.add_argument("project", metavar="PROJECT", help="slug of the project")
        parser.add_argument("slug", metavar="SLUG", help="of the condition, stable for ever: 'rain'")
        parser.add_argument("--name", default="", help="what people read: 'in the rain'")
        parser.add_argument("--axis", default="", choices=ConditionAxis.values, help="what it is about")
        parser.add_argument("--retire", action="store_true", help="no new challenge may ask for it; without, it may")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Set it, or say what is wrong and change nothing."""
        try:
            project = projects.get_project(options["project"])
            condition = conditions.set_condition(
                project, options["slug"], name=options["name"], axis=options["axis"], is_retired=options["retire"]
            )
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        about = f"about {condition.axis}{', retired' if condition.is_retired else ''}"
        self.stdout.write(f"{project}: {condition.slug} is '{condition.name}', {about}.")

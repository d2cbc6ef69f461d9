"""``manage.py set_challenge SLUG --text TEXT``."""

import datetime as dt
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.domain import challenges, conditions, measuring, projects
from foundation.problems import Problem


class Command(BaseCommand):
    help = "Set what to photograph on one day; a second call for the same day replaces the first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One day of one project."""
        parser.add_argument("slug", metavar="SLUG", help="the project")
        parser.add_argument("--text", required=True, help="what people read: 'A 20 euro note, in dim light'")
        parser.add_argument("--day", type=dt.date.fromisoformat, metavar="YYYY-MM-DD", help="default: today, there")
        parser.add_argument("--label", metavar="SLUG", help="the label it asks for, if it is about one")
        parser.add_argument("--condition", action="append", default=[], metavar="SLUG", help="such as dim (repeatable)")
        parser.add_argument(
            "--limit",
            action="append",
            default=[],
            metavar="NAME=LEAST..MOST",
            help="what its photos should measure, such as luminance_50=5..60 or sharpness=3.. (repeatable)",
        )
        parser.add_argument("--target", type=int, default=100, metavar="N", help="photos wanted (%(default)s)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Set it, or say what is wrong and change nothing."""
        try:
            project = projects.get_project(options["slug"])
            challenge = challenges.set_challenge(
                project,
                options["day"] or challenges.local_day(project),
                text=options["text"],
                label=projects.get_label(project, options["label"]) if options["label"] else None,
                conditions=conditions.get_conditions(project, options["condition"]),
                limits=measuring.read_limits(options["limit"]),
                target_count=options["target"],
            )
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{project}, {challenge}")

"""``manage.py import_photos SOURCE --project SLUG``: a folder per label, a zip, or a CSV."""

import dataclasses
import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from collector.domain import import_plans, imports, projects, sources
from collector.models import Project
from collector.normaliser import sandbox
from collector.normaliser.sandbox import SandboxUnavailable
from foundation.problems import Problem

EXAMPLES = """examples:
  import_photos digits/ --project digits               a folder per label: digits/0/a.jpg, digits/1/b.jpg
  import_photos digits.zip --project digits            the same in a zip
  import_photos manifest.csv --project digits --accept file,label[,volunteer][,split]; split is train or golden

Photos of one volunteer are never in training and in the golden set at once, so name volunteers if you can. Running
the same import twice, or again after it was interrupted, stores nothing twice. Photos wait for review, unless
--accept says that their labels are right."""


class Command(BaseCommand):
    help = "Bring a collection of photos into a project: a folder per label, a zip of such folders, or a CSV."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See EXAMPLES."""
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        parser.add_argument("source", type=Path, metavar="SOURCE", help="folder, .zip or .csv")
        parser.add_argument("--project", required=True, metavar="SLUG", help="the project they belong to")
        parser.add_argument("--accept", action="store_true", help="accept them at once, as a reviewer would")
        parser.add_argument("--create-labels", action="store_true", help="add labels the project does not have yet")
        parser.add_argument("--json", action="store_true", help="print the summary as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check everything, then import with a progress bar."""
        try:
            project = projects.get_project(options["project"])
            source = sources.open_source(options["source"])
            summary = self._import(source, project, options)
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        except (OSError, DatabaseError, SandboxUnavailable, KeyboardInterrupt) as error:
            why = str(error) or "you stopped it"
            raise CommandError(
                f"The import stopped: {why}. Run the same command again, and it goes on here."
            ) from error
        finally:
            sandbox.close()
        if options["json"]:
            self.stdout.write(json.dumps(dataclasses.asdict(summary)))
        else:
            self._say(summary)

    def _import(self, source: sources.Source, project: Project, options: dict[str, Any]) -> imports.Summary:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
            bar = progress.add_task("Reading the list", total=None)
            plan = import_plans.plan_import(source, project, create_labels=options["create_labels"])
            progress.update(bar, description="Importing", total=plan.count)
            return imports.run_import(
                source, project, plan, accept=options["accept"], on_photo=lambda: progress.advance(bar)
            )

    def _say(self, summary: imports.Summary) -> None:
        self.stdout.write(
            f"{summary.photos} photos in {summary.seconds} s: {summary.new} new, {summary.already} already there, "
            f"{summary.accepted} accepted, {summary.unreadable} unreadable, {summary.contradictions} contradictory."
        )
        for line in summary.notes + [f"label created: {slug}" for slug in summary.labels_created]:
            self.stdout.write(f"  {line}")
        for one in summary.refused:
            self.stderr.write(f"  {one['photo']}: {one['reason']}")
        more = summary.unreadable + summary.contradictions - len(summary.refused)
        if more > 0:
            self.stderr.write(f"  and {more} more")

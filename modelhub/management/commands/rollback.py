from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from foundation.problems import Problem
from modelhub.domain import documents, releases


class Command(BaseCommand):
    """Phones refuse what is older than what they know, so a rollback is a newer document about an older release."""

    help = "Points a channel to an earlier (or later) release, under a higher sequence number."

    def add_arguments(self, parser: CommandParser) -> None:
        """Project and version as they stand on the pages."""
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("version", help="the release to point to, e.g. 2026-11-21.1")
        parser.add_argument("--channel", default=releases.STABLE, help="default: %(default)s")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Point, then say what follows."""
        try:
            channel = releases.point_channel(options["project"], options["channel"], options["version"])
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        hours = documents.POLL["interval_s"] / 3600
        self.stdout.write(
            f"Channel {channel.name} of {channel.project_slug} (iface {channel.iface}) points to "
            f"{channel.release.version} under number {channel.seq}. "
            f"Phones follow at their next poll, within about {hours:g} hours."
        )

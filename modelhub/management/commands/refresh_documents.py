from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from modelhub.domain import documents


class Command(BaseCommand):
    """What beat does every hour, by hand."""

    help = "Signs documents anew whose life is half over; with --all every one, as after a change of the key."

    def add_arguments(self, parser: CommandParser) -> None:
        """One switch."""
        parser.add_argument("--all", action="store_true", help="also those that are still fresh")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Sign, then count."""
        count = documents.refresh_documents(everything=options["all"])
        self.stdout.write(f"Signed the documents of {count} channel(s) anew.")

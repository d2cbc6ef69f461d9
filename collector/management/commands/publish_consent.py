"""``manage.py publish_consent VERSION FILE``."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.domain import consents
from foundation.problems import Problem

MAX_VERSION = 20


class Command(BaseCommand):
    help = "Publish a new consent text. It is the current one at once, and never changes again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The version people see, and the text."""
        parser.add_argument("version", metavar="VERSION", help="such as 2027-01; at most 20 characters")
        parser.add_argument("file", metavar="FILE", help="the text, UTF-8; - reads it from the standard input")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Publish it, or say what is wrong."""
        version = options["version"].strip()
        try:
            body = sys.stdin.read() if options["file"] == "-" else Path(options["file"]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['file']} cannot be read: {error}. Give the path of a UTF-8 file.") from error
        if not body.strip() or not 0 < len(version) <= MAX_VERSION:
            raise CommandError("The text is empty, or the version has not 1 to 20 characters. Correct it.")
        try:
            text = consents.publish_text(version, body)
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{text.version} is published; volunteers are asked to agree to it.")

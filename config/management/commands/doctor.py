"""``manage.py doctor``: what is there, what is missing, which protections are on, what to do."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from config.doctor import Check, examine


class Command(BaseCommand):
    help = "Checks this machine and its services; exit code 1 when something required is missing."
    requires_system_checks = ()  # it must work where nothing else does

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The options."""
        parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")

    def handle(self, **options: Any) -> None:
        """Look, and show."""
        checks = list(examine())
        if options["json"]:
            self.stdout.write(json.dumps({"ok": _can_serve(checks), "checks": [asdict(check) for check in checks]}))
        else:
            self._show(checks)
        if not _can_serve(checks):
            sys.exit(1)

    def _show(self, checks: list[Check]) -> None:
        table = Table("", "what", "how it is", "what to do", box=None, pad_edge=False)
        for check in checks:
            mark = "[green]ok[/]" if check.ok else "[red]missing[/]" if check.required else "[yellow]note[/]"
            table.add_row(mark, check.name, check.detail, check.do)
        # Wide where nobody's window limits it: a line of a log should be one line.
        Console(width=None if sys.stdout.isatty() else 160).print(table)


def _can_serve(checks: list[Check]) -> bool:
    return all(check.ok for check in checks if check.required)

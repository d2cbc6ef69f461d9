"""Write docs/openapi.json from the code."""

from typing import Any

from django.core.management.base import BaseCommand

from config import openapi


class Command(BaseCommand):
    help = "Write docs/openapi.json from the code; a test fails when the two differ."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Write it."""
        path = openapi.committed_path()
        path.write_text(openapi.render(openapi.build_schema()), encoding="utf-8")
        self.stdout.write(f"Wrote {path}")

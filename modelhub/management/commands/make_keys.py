from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from modelhub.domain import signing


class Command(BaseCommand):
    """Makes the key once; a second call only prints it."""

    help = "Makes the hub's Ed25519 signing key, once, and prints the public half that apps pin."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Make, then print."""
        path = settings.HUB_KEY_FILE
        made = signing.make_keys(path)
        self.stdout.write(f"{'Made' if made else 'Kept'} the signing key {path} (mode 0600: keep a copy, offline).")
        self.stdout.write(f"The public keys, for --key and for apps, are in {signing.public_file(path)}:")
        self.stdout.write(signing.public_file(path).read_text(encoding="ascii").strip())

"""``manage.py create_project SLUG --name NAME --label slug=Name ...``."""

import secrets
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from collector.domain import projects
from collector.enums import LabelState
from foundation.models import User
from foundation.problems import Problem

EXAMPLES = """examples:
  create_project notes --name "Euro notes" --label 5="5 euro" --label 10="10 euro" --collecting 20="20 euro"
  create_project digits --name "Sign digits" --reviewer rosa@example.org --architecture squeezenet1_0

A label given with --label is taught from the first night on; one given with --collecting is gathered first and
taught once somebody starts it. Without any label, the first import brings its own."""


def read_label(text: str) -> tuple[str, str]:
    """``slug=Name`` or ``slug``."""
    slug, _, name = text.partition("=")
    if not slug.strip():
        raise ArgumentTypeError(f"{text!r} is no label; allowed is slug=Name, such as 5='5 euro'")
    return slug.strip(), name.strip() or slug.strip()


class Command(BaseCommand):
    help = "Create a project: what an app shall recognise, and which labels it knows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See EXAMPLES."""
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        parser.add_argument("slug", metavar="SLUG", help="its short name in addresses: letters, digits, - and _")
        parser.add_argument("--name", required=True, help="its name for people")
        for option, what in (("--label", "a label to teach"), ("--collecting", "a label to gather photos for first")):
            parser.add_argument(option, action="append", default=[], type=read_label, metavar="SLUG=NAME", help=what)
        parser.add_argument(
            "--reviewer",
            action="append",
            default=[],
            metavar="EMAIL",
            help="who reviews it; gets an account where there is none (repeatable)",
        )
        parser.add_argument("--timezone", default="UTC", help="where its days begin and end (default: %(default)s)")
        parser.add_argument(
            "--architecture",
            action="append",
            metavar="NAME",
            help="a network to teach; of several (repeatable) a night takes the one that is worth its cost",
        )
        parser.add_argument(
            "--cost-target",
            type=int,
            metavar="MILLIONS",
            help="multiply-adds a photo, above which a network pays for all it costs",
        )
        parser.add_argument(
            "--pretrained", default="imagenet", metavar="WHAT", help="imagenet, scratch or a .safetensors file"
        )
        parser.add_argument("--input-size", type=int, default=224, metavar="PIXELS", help="of the model (%(default)s)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Create it, or say what is wrong and create nothing."""
        settings = {name: options[name] for name in ("timezone", "pretrained", "input_size")}
        settings["cost_target_m"] = options["cost_target"]
        if options["architecture"]:
            settings["architectures"] = options["architecture"]
        gathered = [(slug, name, LabelState.COLLECTING) for slug, name in options["collecting"]]
        try:
            with transaction.atomic():
                project = projects.create_project(
                    options["slug"], name=options["name"], labels=[*options["label"], *gathered], **settings
                )
                accounts = [self._account(email) for email in options["reviewer"]]
                for user, _ in accounts:
                    projects.add_member(project, user)
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        for user, password in accounts:
            if password:  # said only now, when the account is sure to be there
                self.stdout.write(f"New account {user.email}, password {password} (it is not said again).")
        self.stdout.write(f"{project} is at /review/{project.slug}/, with {project.labels.count()} labels.")

    def _account(self, email: str) -> tuple[User, str]:
        """The user with this address, and the password where the account is new."""
        try:
            return User.objects.get_by_natural_key(email), ""
        except User.DoesNotExist:
            try:
                validate_email(email.strip())
            except ValidationError:
                raise CommandError(f"{email!r} is no e-mail address; allowed is one such as rosa@example.org") from None
            password = secrets.token_urlsafe(9)
            return User.objects.create_user(email, password), password

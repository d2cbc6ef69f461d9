"""``manage.py set_capture_profile PROJECT --roll 12 --mirrored 0 ... --show --picture FILE.jpg``."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.domain import projects
from collector.models import Project
from foundation.problems import Problem
from training.domain import pictures, profiles
from training.ml import contract


class Command(BaseCommand):
    help = (
        "Say how photos of a project differ, so that training changes photos only as its camera could. What is not "
        "given stays as it is. The coming night learns with it if it trains the whole network: a head on cached "
        "features changes no photo."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One project, an option for each way in which photos differ, and what to see of it."""
        parser.add_argument("project", metavar="PROJECT", help="slug of the project")
        for way in contract.WAYS:
            words = f"{way.what}: {way.allowed} {way.unit} (usually {way.usual:g})"
            parser.add_argument(_option(way), dest=way.name, metavar="NUMBER", type=_number, help=words)
        parser.add_argument("--anew", action="store_true", help="forget what was set: the usual, but for what is given")
        parser.add_argument("--show", action="store_true", help="say the whole profile in words; the default")
        parser.add_argument("--json", action="store_true", help="say it as JSON: what is set, and all values in use")
        parser.add_argument(
            "--picture",
            metavar="FILE.jpg",
            type=Path,
            help="draw accepted photos beside 24 changed versions: could your camera have taken these? FILE holds "
            "volunteers' photos, so keep it to yourself",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Change it, show it, draw it; or say what is wrong and change nothing."""
        changes = {way.name: options[way.name] for way in contract.WAYS if options[way.name] is not None}
        file: Path | None = options["picture"]
        if file and (not file.absolute().parent.is_dir() or file.suffix.lower() not in {".jpg", ".jpeg"}):
            raise CommandError(f"--picture {file} cannot be written: name a .jpg file in a folder that exists.")
        try:
            project = projects.get_project(options["project"])
            if changes or options["anew"]:
                profiles.change_profile(project, changes, is_anew=options["anew"])
            if options["json"]:
                self.stdout.write(json.dumps(_as_json(project), indent=1))
            elif options["show"] or file is None:
                self.stdout.write("\n".join([f"{project}:", *profiles.say_profile(project)]))
            if file:
                shown = pictures.draw_picture(project, file)
                self.stderr.write(f"{file} shows photos of {project} as taken ({shown}, left) and 24 changed versions.")
        except (Problem, contract.ProblemsFoundError) as problem:
            raise CommandError(str(problem)) from problem


def _option(way: contract.Way) -> str:
    return "--" + way.name.replace("_", "-")


def _number(text: str) -> float | str:
    """A number, or the text as it is: the profile's own check says what is allowed instead, for all faults at once."""
    try:
        return float(text)
    except ValueError:
        return text


def _as_json(project: Project) -> dict[str, Any]:
    values = profiles.read_profile(project).to_json()
    return {"project": project.slug, "set": project.capture_profile, "profile": values}

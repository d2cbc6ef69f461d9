import argparse
import json
import signal
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from collector.domain import projects
from foundation.problems import Problem
from training.domain import inputs, nights, queries, reports
from training.domain.shifts import NightStoppedError
from training.enums import RunState
from training.management.bars import NightBars
from training.models import Run
from training.tasks import StopSignal

LOOK_EVERY_S = 0.5  # while somebody else supervises; also how soon a dead owner on this host is noticed
USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Command(BaseCommand):
    """The same night that beat starts, in the foreground. Stopped or killed, it goes on when started again."""

    help = (
        "Retrains one project: snapshot, training, compression, checks, gate, release. Shows the progress of a night "
        "that is already running elsewhere instead of doubling it. Exit status: 0 published or kept, 1 failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What, when, from which weights."""
        parser.add_argument("--project", required=True, help="the project's slug")
        parser.add_argument("--night", type=_night, default=None, help="a date, YYYY-MM-DD (default: today, UTC)")
        parser.add_argument(
            "--pretrained",
            default="",
            metavar="FILE",
            help="start weights for this night: .safetensors, imagenet or scratch",
        )
        parser.add_argument(
            "--detach", action="store_true", help="leave the work to the training worker and return at once"
        )
        parser.add_argument("--json", default="", metavar="FILE", help="write the night's figures to FILE at the end")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Add or find the run, then do or follow it."""
        out = _json_file(options["json"], is_detached=options["detach"])
        try:
            project = projects.get_project(options["project"])
            night = options["night"] or timezone.now().date()
            run = nights.find_or_add_run(project, night, _weights(options["pretrained"]))
        except Problem as problem:
            raise CommandError(str(problem), returncode=USAGE) from None
        if options["detach"]:
            self.stdout.write(f"Run {run.pk}, the night of {night}, is the training worker's. {reports.headline(run)}")
            return
        run = self._carry_through(run)
        if out:
            out.write_text(json.dumps(reports.summary(run), indent=1) + "\n", "utf-8")
        if strategy := reports.strategy(run):
            self.stdout.write(f"How it learned: {strategy['name']}. {strategy['why']}")
        for notice in reports.notices(run):
            self.stdout.write(f"Note: {notice}")
        self.stdout.write(reports.headline(run))
        if run.state == RunState.FAILED:
            sys.exit(1)

    def _carry_through(self, run: Run) -> Run:
        """Until the run has ended, here or elsewhere."""
        with NightBars() as bars, StopSignal(signal.SIGINT, signal.SIGTERM) as stop:
            is_following = False
            while not queries.is_finished(run):
                if stop.is_set():
                    self._leave(run, is_following=is_following)
                try:
                    mine = nights.run_night(run.pk, listen=bars.show, should_stop=stop.is_set)
                except NightStoppedError:
                    self._leave(run, is_following=False)
                run = queries.get_run(run.project, run.night)
                if mine is None and not queries.is_finished(run):
                    if not is_following:
                        bars.say("Another process has this night; following it.")
                    bars.follow(queries.progress_of(run))
                    time.sleep(LOOK_EVERY_S)
                elif not queries.is_finished(run):
                    bars.say(run.why)
                is_following = mine is None
            bars.follow(queries.progress_of(run))
        return run

    def _leave(self, run: Run, *, is_following: bool) -> None:
        again = f"manage.py nightly --project {run.project.slug} --night {run.night}"
        if is_following:
            self.stderr.write(f"Stopped following; the night goes on elsewhere. To follow again: {again}")
        else:
            self.stderr.write(f"Stopped; finished stages are kept. A training worker goes on from there, or: {again}")
        sys.exit(INTERRUPTED)


def _night(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date; give one such as 2026-11-21") from None


def _weights(text: str) -> str:
    """A word, or the absolute path of a file that is there."""
    if not text or text in inputs.WORDS:
        return text
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise CommandError(
            f"There are no start weights at {path}. Allowed: imagenet, scratch, or a .safetensors file. "
            "Correct the path.",
            returncode=USAGE,
        )
    return str(path)


def _json_file(text: str, *, is_detached: bool) -> Path | None:
    if not text:
        return None
    path = Path(text).expanduser().absolute()
    if is_detached:
        raise CommandError("--json is written at the end of the night; leave out --detach or --json.", returncode=USAGE)
    if not path.parent.is_dir() or path.is_dir():
        raise CommandError(f"--json {path} cannot be written: name a file in a folder that exists.", returncode=USAGE)
    return path

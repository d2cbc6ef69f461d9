"""``python -m config.demo``: the whole loop on this machine, from the first photo to the phone."""

import argparse
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import django
import httpx
from rich.console import Console

from config import dev
from config.demo import folders
from config.demo.bars import show_step
from config.demo.closing import Outcome, print_tables
from config.demo.guests import UploadError, studio
from config.demo.phone import PhoneError
from config.demo.pictures import Plan, plan_rendered
from foundation.services import ServicesError
from training.ml.contract import ARCHES

EPILOG = """Without --photos a renderer draws a made-up currency as volunteers would photograph it; with --photos DIR
your own photos are used, one folder a label. Training starts from random weights unless --pretrained says otherwise,
so that a demo needs no network. Exit status: 0 done, 1 something broke, 2 wrong call, 130 Ctrl-C."""
VOLUNTEERS, PHOTOS_EACH = 40, 20
FIT_SECONDS = 120  # wall; the rest of a night takes about as long on two cores
FEWEST_VOLUNTEERS, MOST_VOLUNTEERS = 10, 400
CROWD = {"LIMIT_GUESTS": "off", "LIMIT_UPLOADS": "off", "LIMIT_UPLOAD_MB": "off"}  # all of it from one address
FREE_MB = 1500  # database, photos, nights' folders and releases, with some to spare


class OptionsError(Exception):
    """An option or the machine cannot be used; the message says what, the value, what is allowed and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        _check(options)
        _run(options, Console())
    except (OptionsError, folders.PhotosError, dev.PortTakenError) as error:
        print(error, file=sys.stderr)
        return 2
    except (UploadError, PhoneError, ServicesError, httpx.HTTPError, OSError, RuntimeError) as error:
        print(f"The demo broke off. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What was finished is kept; the next demo makes a project of its own.", file=sys.stderr)
        return 130
    return 0


def _run(options: argparse.Namespace, console: Console) -> None:
    started = time.monotonic()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    logging.getLogger().setLevel(logging.WARNING)  # of this process; the children write their logs to files
    plan = _plan(options)
    with ExitStack() as held:
        with show_step(console, "Database, Redis, web server, worker", 1) as step:
            running = held.enter_context(dev.stack(port=options.port, train_worker=False, env=CROWD))
            step.advance()
        outcome, farewell = _tell(options, console, plan, running.url, started)
        print_tables(console, outcome)
        if options.json:
            options.json.write_text(json.dumps(outcome.to_json(), indent=1) + "\n", "utf-8")
        console.print(f"\nThe demo took {time.monotonic() - started:.0f} s.", highlight=False)
        if options.serve:
            console.print(farewell, markup=False, highlight=False, soft_wrap=True)
            _serve(running)


def _tell(options: argparse.Namespace, console: Console, plan: Plan, url: str, started: float) -> tuple[Outcome, str]:
    """The story, and what to say to somebody who stays."""
    from config.demo import opening  # these need Django, which is set up by now
    from config.demo.story import Story

    project = opening.open_project(
        plan, pretrained=options.pretrained, architecture=options.architecture, fit_budget_s=options.fit_seconds
    )
    reviewer, password = opening.open_account(project)
    start = (
        "random weights, as no network is needed for that" if options.pretrained == "scratch" else options.pretrained
    )
    console.print(
        f"  Project {project.slug}: {plan.title}. Training starts from {start}.", markup=False, highlight=False
    )
    with tempfile.TemporaryDirectory(prefix="daybreak-demo-") as folder, studio() as pool:
        story = Story(plan, project, reviewer, url, console, pool, Path(folder), started)
        story.tell()
    farewell = (
        f"Daybreak is at {url}  (Ctrl-C ends it)\n"
        f"  sign in:  {reviewer.email}  {password}\n"
        f"  review:   {url}/review/{project.slug}/  ({len(plan.late)} photos wait for you)\n"
        f"  nights:   {url}/runs/{project.slug}/\n"
        f"  phones:   {url}/models/latest?project={project.slug}&channel=stable&iface=1&platform=linux&runtime=litert"
    )
    return story.outcome, farewell


def _serve(running: dev.Stack) -> None:
    """Until Ctrl-C or SIGTERM; what dies is started again."""
    while True:
        time.sleep(1)
        for name in running.dead():
            print(f"{name} ended; starting it again (see {running.log(name)})", file=sys.stderr)
            running.restart(name)


def _plan(options: argparse.Namespace) -> Plan:
    if options.photos:
        return folders.plan_folder(options.photos, options.seed, options.volunteers)
    return plan_rendered(options.seed, options.volunteers, PHOTOS_EACH)


def _check(options: argparse.Namespace) -> None:
    """Everything that can be known beforehand, before anything is started. Raises what is wrong."""
    if options.photos:
        folders.read_folder(options.photos)
    if options.json and (not options.json.parent.is_dir() or options.json.is_dir()):
        raise _refusal(
            "The figures cannot be written there", options.json, "a file in a folder that exists", "correct --json"
        )
    home = Path(os.environ.get("DAYBREAK_HOME") or dev.BASE_DIR / ".daybreak").expanduser().absolute()
    free_mb = shutil.disk_usage(next(path for path in (home, *home.parents) if path.exists())).free // 1_000_000
    if free_mb < FREE_MB:
        raise _refusal(
            "There is too little disk space",
            f"{free_mb:,} MB free at {home}",
            f"{FREE_MB:,} MB or more",
            "free some, or set DAYBREAK_HOME to a folder on a larger disk",
        )


def _refusal(what: str, value: object, allowed: str, do: str) -> OptionsError:
    return OptionsError(f"{what}.\n  value:   {value}\n  allowed: {allowed}\n  do:      {do}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make demo", description="The whole loop: photos, reviews, three nights, a phone.", epilog=EPILOG
    )
    parser.add_argument("--photos", type=Path, metavar="DIR", help="your own photos, one folder a label")
    parser.add_argument("--no-serve", dest="serve", action="store_false", help="end instead of keeping the server up")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE at the end")
    parser.add_argument("--port", type=_port, metavar="N", help="default: the next free one from 8000")
    parser.add_argument(
        "--volunteers", type=_volunteers, default=VOLUNTEERS, metavar="N", help="how many guests (default %(default)s)"
    )
    parser.add_argument(
        "--seed", type=_seed, default=1, metavar="N", help="another seed, other people (default %(default)s)"
    )
    parser.add_argument(
        "--pretrained", default="scratch", metavar="WHAT", help="scratch (default), imagenet, or a .safetensors file"
    )
    parser.add_argument(
        "--fit-seconds",
        type=_fit_seconds,
        default=FIT_SECONDS,
        metavar="N",
        help="how long each night may learn (default %(default)s)",
    )
    parser.add_argument("--architecture", choices=ARCHES, default="squeezenet1_1", help="default: %(default)s")
    return parser


def _port(text: str) -> int:
    return _whole(text, 1, 65535)


def _volunteers(text: str) -> int:
    return _whole(text, FEWEST_VOLUNTEERS, MOST_VOLUNTEERS)


def _fit_seconds(text: str) -> int:
    return _whole(text, 5, 86_400)


def _seed(text: str) -> int:
    return _whole(text, 0, 1_000_000)


def _whole(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give a whole number from {low} to {high:,}")
    return int(text)

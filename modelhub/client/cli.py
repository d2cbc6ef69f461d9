"""The command line. Exit status: 0 done, 2 wrong call, 3 refused, 4 trouble that may pass; then nothing was changed."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelhub.client.answers import SLUG, Request
from modelhub.client.faults import Fault, WrongCall

PLATFORMS = ("linux", "android", "ios")
RUNTIMES = ("litert", "onnx", "coreml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    command = {"fetch": _fetch, "classify": _classify}[options.command]
    try:
        return command(options)
    except Fault as fault:
        if options.json:
            print(json.dumps({"outcome": fault.outcome, "why": str(fault)}))
        else:
            print(f"{fault.outcome.capitalize()}: {fault}", file=sys.stderr)
        return fault.status


def _fetch(options: argparse.Namespace) -> int:
    from modelhub.client.keys import read_keys
    from modelhub.client.updates import fetch

    request = _read_request(options)
    outcome = fetch(
        options.url,
        request,
        read_keys(options.key),
        options.home.absolute(),
        precision=options.precision,
        max_file_bytes=options.max_mb * 1_000_000,
        tell=_show_download,
    )
    print(json.dumps(outcome.as_dict()) if options.json else outcome.why)
    return 0


def _show_download(have: int, of: int) -> None:
    """For people who wait at a terminal."""
    if sys.stderr.isatty():
        print(f"\rDownloading: {have / of:4.0%} of {of / 1e6:.1f} MB", end="\n" if have >= of else "", file=sys.stderr)


def _classify(options: argparse.Namespace) -> int:
    from modelhub.client.classifying import Classifier, Named

    classifier = Classifier(options.home.absolute())
    answers = list(classifier.name_photos(options.photos))
    if options.json:
        rows = [one.as_dict() if isinstance(one, Named) else {"why": str(one)} for one in answers]
        about = {name: classifier.current[name] for name in ("version", "sha256", "runtime", "precision")}
        print(json.dumps({"release": about, "photos": rows}))
    else:
        _print_answers(answers)
    return 0 if all(isinstance(one, Named) for one in answers) else WrongCall.status


def _print_answers(answers: Sequence[Any]) -> None:
    from modelhub.client.classifying import Named

    width = max((len(one.photo) for one in answers if isinstance(one, Named)), default=0)
    for one in answers:
        if isinstance(one, Named):
            said = "none of these" if one.none_of_these else f"{one.name}  {one.probability:.1%}"
            print(f"{one.photo:<{width}}  {said}")
        else:
            print(one, file=sys.stderr)


def _read_request(options: argparse.Namespace) -> Request:
    for name in ("project", "channel"):
        if not SLUG.fullmatch(getattr(options, name)):
            raise WrongCall(f"--{name} is {getattr(options, name)!r}; allowed are letters, digits, - and _.")
    if options.iface < 1:
        raise WrongCall(f"--iface is {options.iface}; allowed is a whole number of at least 1.")
    if not options.url.startswith(("http://", "https://")):
        raise WrongCall(f"--url is {options.url!r}; allowed is http://... or https://...")
    return Request(
        project=options.project,
        channel=options.channel,
        iface=options.iface,
        platform=options.platform,
        runtime=options.runtime,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m modelhub.client", description="A phone in Python.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_fetch(commands.add_parser("fetch", help="ask for the current model, verify it and switch to it"))
    classify = commands.add_parser("classify", help="name photos with the model in use")
    classify.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    for command in commands.choices.values():
        command.add_argument("--home", type=Path, required=True, help="the folder that keeps the model")
        command.add_argument("--json", action="store_true", help="answer as JSON on stdout")
    return parser


def _add_fetch(fetch: argparse.ArgumentParser) -> None:
    fetch.add_argument("--url", required=True, help="the server, e.g. http://127.0.0.1:8000")
    fetch.add_argument("--project", required=True, help="the project's slug")
    fetch.add_argument("--key", required=True, help="the public key to trust: a file, or base64")
    fetch.add_argument("--channel", default="stable", help="default: %(default)s")
    fetch.add_argument(
        "--iface", type=int, default=1, help="the interface the app was written for (default %(default)s)"
    )
    fetch.add_argument("--platform", choices=PLATFORMS, default="linux", help="default: %(default)s")
    fetch.add_argument("--runtime", choices=RUNTIMES, default="litert", help="default: %(default)s")
    fetch.add_argument("--precision", default="int8", help="where there is a choice (default %(default)s)")
    fetch.add_argument("--max-mb", type=int, default=200, help="refuse larger files (default %(default)s)")

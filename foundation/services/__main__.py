"""``python -m foundation.services run -- CMD...``: CMD with the services up; signals and exit code are its own."""

import argparse
import os
import sys
import traceback
from pathlib import Path

from foundation.services import ServicesError, ensure
from foundation.services.keeper import keep
from foundation.services.users import REPOSITORY


def main() -> int:
    """Run one of ``run`` and ``keep``."""
    parser = argparse.ArgumentParser(prog="python -m foundation.services")
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("DAYBREAK_HOME") or REPOSITORY / ".daybreak"))
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start or reuse the services, then become CMD")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD")
    commands.add_parser("keep", help="keep the services until nobody uses them (started by 'run')")
    options = parser.parse_args()
    home = options.home.expanduser().absolute()
    if options.command == "keep":
        return _detach_and_keep(home)
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        parser.error("no command given; write it after --")
    return _become(home, argv)


def _become(home: Path, argv: list[str]) -> int:
    """Replace this process by ``argv``, which inherits the lock that keeps the services."""
    os.environ["DAYBREAK_HOME"] = str(home)
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        try:
            os.set_inheritable(ensure(home), True)
        except ServicesError as error:
            print(error, file=sys.stderr)
            return 1
    try:
        os.execvp(argv[0], argv)  # noqa: S606 -- no shell is the point
    except OSError as error:
        print(f"Cannot run the command: {error.strerror}.\n  value:   {argv[0]}", file=sys.stderr)
        return 127


def _detach_and_keep(home: Path) -> int:
    """Fork, so that the caller need not wait; failures go to ``home/run/failure``, where the caller looks."""
    if os.fork():
        return 0
    try:
        keep(home)
    except ServicesError as error:
        _tell(home, str(error))
    except Exception:
        _tell(home, f"The keeper of the embedded services failed.\n{traceback.format_exc()}")
        raise
    return 0


def _tell(home: Path, text: str) -> None:
    print(text, file=sys.stderr)
    part = home / "run" / "failure.part"
    part.write_text(text)
    part.rename(home / "run" / "failure")


if __name__ == "__main__":
    sys.exit(main())

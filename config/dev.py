# ruff: noqa: T201 -- a command speaks
"""Everything on one machine: services, web server, workers, beat. ``python -m config.dev serve``, or ``stack()``.

Children end with this process, also when it is killed with -9: then the kernel kills them (PR_SET_PDEATHSIG), and the
services stop because nobody holds their lock any more. What was being done is taken up again at the next start.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from foundation import services
from foundation.processes import die_with_parent
from foundation.services import ServicesError, locks

BASE_DIR = Path(__file__).resolve().parent.parent
FIRST_PORT, LAST_PORT = 8000, 8099  # searched when no port is asked for
READY_S = 60.0
KINDLY_S = 10.0  # between asking a child to end and ending it
RESTART_S = 2.0
CELERY = [sys.executable, "-m", "celery", "-A", "config.celery"]
# Photos come and go in blocks of megabytes: keep them instead of asking the kernel for each page of each photo anew.
MEMORY = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}
WORKER = [*CELERY, "worker", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]


class PortTakenError(Exception):
    """The port that was asked for is in use."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"Cannot listen on port {port}: {reason}.\n  value:   {host}:{port}\n  allowed: a free port from 1024 to "
            f"65535\n  do:      end what uses it, choose another with --port, or leave --port out to get a free one"
        )


@dataclass(frozen=True)
class Program:
    """One child: what it is called, its command, what the kernel sends it when we are killed."""

    name: str
    command: list[str]
    last_word: signal.Signals = signal.SIGKILL  # rows and leases make that safe; a kind word could take hours


class Stack:
    """The running children. Start them from a thread that lives as long as they shall: the kernel watches that."""

    def __init__(self, home: Path, listener: socket.socket, environment: Mapping[str, str]) -> None:
        self.home = home
        self.url = "http://{}:{}".format(*listener.getsockname()[:2])
        self._listener = listener
        self._environment = {"PUBLIC_URL": self.url, **environment, "DAYBREAK_HOME": str(home)}
        self._programs: dict[str, Program] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Process numbers by name: web, worker, train, beat."""
        return {name: process.pid for name, process in self._running.items()}

    def start(self, program: Program) -> None:
        """Start a child; its output goes to ``home/logs``."""
        self._programs[program.name] = program
        with self.log(program.name).open("ab") as log:
            self._running[program.name] = subprocess.Popen(
                program.command,
                cwd=BASE_DIR,
                env={**(MEMORY if program.name in {"web", "worker"} else {}), **os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[self._listener.fileno()] if program.name == "web" else [],
                start_new_session=True,  # Ctrl-C is for us; we end the children in order
                preexec_fn=die_with_parent(program.last_word),  # noqa: PLW1509 -- callers have one thread at this time
            )
        state = self.home / "run" / "dev.json"
        state.write_text(json.dumps({"url": self.url, "pid": os.getpid(), "children": self.pids}, indent=2))

    def restart(self, name: str) -> None:
        """Start a child again that was ended or killed."""
        self._running[name].wait()
        self.start(self._programs[name])

    def dead(self) -> list[str]:
        """Names of the children that ended."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def log(self, name: str) -> Path:
        """The file with a child's output."""
        return self.home / "logs" / f"{name}.log"

    def wait_until_ready(self) -> None:
        """Wait for the web server's first answer. Raises RuntimeError with the end of its log."""
        end = time.monotonic() + READY_S
        while not _answers(f"{self.url}/"):
            if "web" in self.dead() or time.monotonic() > end:
                tail = self.log("web").read_bytes()[-2000:].decode(errors="replace")
                raise RuntimeError(f"The web server did not start; {self.log('web')} ends:\n{tail}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask all children to end, then insist."""
        for process in self._running.values():
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + KINDLY_S
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, end - time.monotonic()))
            process.kill()  # a worker's own children follow it (config.celery)
            process.wait()
        (self.home / "run" / "dev.json").unlink(missing_ok=True)
        self._listener.close()


@contextmanager
def stack(
    *,
    port: int | None = None,
    host: str = "127.0.0.1",
    train_worker: bool = True,
    beat: bool = False,
    env: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Services, migrations, web server and workers for the length of the block.

    ``port``: None takes the next free one from 8000, 0 any. Raises PortTakenError, ServicesError, RuntimeError.
    """
    listener = _listen(host, port)
    try:
        home = _services()
        running = Stack(home, listener, env or {})
        _prepare(home, env or {})
    except BaseException:
        listener.close()
        raise
    try:
        for program in _programs(listener, home, train_worker=train_worker, beat=beat):
            running.start(program)
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m config.dev", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="migrate the database and make the hub's key, with the services up")
    serve = commands.add_parser("serve", help="run until Ctrl-C")
    serve.add_argument("--port", type=_port, help="default: the next free one from 8000")
    serve.add_argument("--host", default="127.0.0.1", help="default: %(default)s, this machine only")
    serve.add_argument("--no-train", action="store_true", help="no training worker here")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if options.command == "prepare":
            _prepare(_services(), {})
            return 0
        with stack(port=options.port, host=options.host, train_worker=not options.no_train, beat=True) as running:
            print(f"Daybreak is at {running.url}  (logs: {running.home / 'logs'}; Ctrl-C ends it)", flush=True)
            _watch(running)
    except PortTakenError as error:
        print(error, file=sys.stderr)
        return 2
    except (ServicesError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


def _watch(running: Stack) -> None:
    """Start again what dies, until Ctrl-C or SIGTERM."""
    while True:
        time.sleep(RESTART_S)
        for name in running.dead():
            print(f"{name} ended; starting it again (see {running.log(name)})", file=sys.stderr, flush=True)
            running.restart(name)


def _programs(listener: socket.socket, home: Path, *, train_worker: bool, beat: bool) -> list[Program]:
    web = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"fd://{listener.fileno()}"]
    web += ["--worker-class", "gthread", "--workers", "2", "--threads", "8", "--timeout", "60"]
    web += ["--graceful-timeout", "8", "--no-control-socket"]
    node = f"{os.getpid()}@%h"  # two stacks on one broker must not take each other for themselves
    programs = [
        Program("web", web, signal.SIGTERM),
        Program("worker", [*WORKER, "-Q", "default,media,slow", "-c", "2", "-n", f"worker-{node}"]),
    ]
    if train_worker:
        # One night at a time, and none reserved: a reserved one would sit unacknowledged for hours.
        options = ["-Q", "train", "-c", "1", "--disable-prefetch", "-n", f"train-{node}"]
        programs.append(Program("train", WORKER + options))
    if beat:
        schedule = str(home / "run" / "beat")  # remembers what ran, so that a night missed by minutes is made up for
        programs.append(Program("beat", [*CELERY, "beat", "--schedule", schedule, "--pidfile="], signal.SIGTERM))
    return programs


def _services() -> Path:
    """Embedded services where none are configured, and the folders everything expects; returns the data folder."""
    home = _home()
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        services.ensure(home)
    for folder in ("run", "logs", "static"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    return home


def _home() -> Path:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings  # after the line above

    return Path(settings.DAYBREAK_HOME)


def _listen(host: str, port: int | None) -> socket.socket:
    """Bind here and hand the socket on, so that nobody can take the port in between. Raises PortTakenError."""
    wanted = range(FIRST_PORT, LAST_PORT + 1) if port is None else [port]
    for number in wanted:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen(128)
        except OSError as error:
            listener.close()
            reason = error.strerror or str(error)
            continue
        return listener
    raise PortTakenError(host, wanted[0], reason[:1].lower() + reason[1:])


def _prepare(home: Path, env: Mapping[str, str]) -> None:
    """Migrate the database and make the hub's key; one process at a time. Raises RuntimeError with what Django said."""
    with locks.locked(home / "run" / "migrate.lock", timeout_s=300):
        _manage(["migrate", "--noinput"], {**os.environ, **env, "DAYBREAK_HOME": str(home)})
        _manage(["make_keys"], {**os.environ, **env, "DAYBREAK_HOME": str(home)})


def _manage(arguments: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments, "--verbosity", "0"],
        check=False,
        cwd=BASE_DIR,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace")[-3000:]
        raise RuntimeError(f"manage.py {arguments[0]} failed:\n{said}")


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 -- our own http address
    except urllib.error.HTTPError:
        return True  # an error page is an answer
    except OSError:
        return False
    return True


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:  # noqa: PLR2004 -- the highest port there is
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed is a whole number from 1 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())

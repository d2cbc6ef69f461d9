"""Runs one stage as a child: hears its JSON lines, beats the lease meanwhile, counts its CPU, leaves none behind."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from training.ml import contract

LEASH = Path(__file__).with_name("leash.py")
TICK_S = 0.25  # how often the lease is looked at while the child says nothing
GRACE_S = 5.0  # between asking a child to end and ending it
TAIL_LINES = 12
CODE = Path(__file__).resolve().parents[2]
TAIL_BYTES = 4000
LONGEST_LINE = 1 << 20
SECRETS = (
    "SECRET",
    "PASSWORD",
    "TOKEN",
    "CREDENTIAL",
    "AWS_",
    "DJANGO_",
    "DATABASE_URL",
    "REDIS_URL",
    "STORAGE_URL",
    "HUB_",
)


class StageProblemError(Exception):
    """The stage refused its input (exit 2); the message says what, the value, what is allowed, what to do."""


class PhotosMissingError(StageProblemError):
    """The stage wants photos that are not in its folder (exit 3)."""


class StageDiedError(Exception):
    """The stage broke, was killed or took too long; the message carries the end of its log."""


AT_FAULT = {contract.EXIT_PROBLEM: StageProblemError, contract.EXIT_PHOTOS: PhotosMissingError}


@dataclass(frozen=True, slots=True)
class Order:
    """What to run, and for how long at most. ``log`` takes stderr and whatever on stdout is no event."""

    stage: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    limit_s: float


def order_for(name: str, work: Path, out: Path, *, threads: int, limit_s: float, python: str = sys.executable) -> Order:
    """One command of ``training.ml`` on the folder ``work``, writing to ``out``."""
    where = ["--spec", str(work / "spec.json"), "--in", str(work), "--out", str(out)]
    return Order(
        stage=name,
        command=[python, "-m", "training.ml", name, *where],
        folder=work,
        environment=environment_for(work, code=CODE, threads=threads),
        log=work / f"{name}.log",
        limit_s=limit_s,
    )


@dataclass(slots=True)
class Ended:
    """A stage that finished. Wall and CPU seconds; CPU includes everything the stage itself started and waited for."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    notices: list[str] = field(default_factory=list)


def environment_for(work: Path, *, code: Path, threads: int) -> dict[str, str]:
    """Ours without our secrets: a stage needs no database, broker or key. Its temporary files land in ``work``."""
    kept = {name: value for name, value in os.environ.items() if not any(word in name.upper() for word in SECRETS)}
    scratch = work / "tmp"
    scratch.mkdir(exist_ok=True)
    paths = os.pathsep.join(part for part in (str(code), os.environ.get("PYTHONPATH", "")) if part)
    ours = {"PYTHONPATH": paths, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": str(threads)}
    return {**kept, **ours, "DAYBREAK_WORK": str(work)}


def run_child(order: Order, *, hear: Callable[[contract.ProgressLine], None], beat: Callable[[], None]) -> Ended:
    """Runs the child to its end. Call it from the thread that lives as long as the child shall.

    ``hear`` gets its progress, ``beat`` is called every quarter of a second; whatever they raise ends the child first.
    Raises ``StageProblemError``, ``PhotosMissingError`` or ``StageDiedError``.
    """
    with order.log.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *order.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=order.folder,
            env=dict(order.environment),
            process_group=0,
        )
        watch = _Watch(order, child, hear, log.fileno())
        try:
            return watch.listen_until_end(beat)
        finally:
            watch.end()


class _Watch:
    """A running child and what it has said so far."""

    def __init__(
        self, order: Order, child: "subprocess.Popen[bytes]", hear: Callable[[contract.ProgressLine], None], log: int
    ) -> None:
        self.order, self.child, self.hear, self.log = order, child, hear, log
        self.started = time.monotonic()
        self.problems: list[contract.Problem] = []
        self.ended = Ended()
        self.status: int | None = None
        self.rest = b""
        assert child.stdout is not None  # noqa: S101 -- Popen was given PIPE
        self.pipe = child.stdout.fileno()
        os.set_blocking(self.pipe, False)

    def listen_until_end(self, beat: Callable[[], None]) -> Ended:
        with selectors.DefaultSelector() as selector:
            selector.register(self.pipe, selectors.EVENT_READ)
            is_open = True
            while self._reap() is None:
                if is_open and selector.select(TICK_S):
                    is_open = self._read()
                elif not is_open:
                    time.sleep(TICK_S / 10)
                beat()
                if time.monotonic() - self.started > self.order.limit_s:
                    raise StageDiedError(
                        f"{self.order.stage} took longer than {self.order.limit_s:.0f} s and was ended."
                    )
            while is_open and selector.select(0):
                is_open = self._read()
        self._judge()
        return self.ended

    def end(self) -> None:
        """Nothing the stage started may live on: ask, wait a little, then insist. Also after a clean exit."""
        if self.status is None:
            self._signal(signal.SIGTERM)
            deadline = time.monotonic() + GRACE_S
            while self._reap() is None and time.monotonic() < deadline:
                time.sleep(TICK_S / 10)
        self._signal(signal.SIGKILL)
        while self._reap() is None:
            time.sleep(TICK_S / 10)
        assert self.child.stdout is not None  # noqa: S101 -- Popen was given PIPE
        self.child.stdout.close()

    def _reap(self) -> int | None:
        """The exit status once there is one. wait4 instead of poll(), because only it tells this child's CPU time."""
        if self.status is None:
            pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if pid:
                self.status = self.child.returncode = os.waitstatus_to_exitcode(status)
                self.ended.seconds = time.monotonic() - self.started
                self.ended.cpu_seconds = usage.ru_utime + usage.ru_stime
        return self.status

    def _read(self) -> bool:
        """Takes what the pipe holds. False once it is closed."""
        try:
            chunk = os.read(self.pipe, 1 << 16)
        except BlockingIOError:
            return True
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        self.rest = b"" if len(self.rest) > LONGEST_LINE else self.rest
        for line in lines:
            self._take(line)
        return bool(chunk)

    def _take(self, line: bytes) -> None:
        match contract.parse_line(line.decode("utf-8", "replace")):
            case contract.ProgressLine() as progress:
                self.hear(progress)
            case contract.NoticeLine(message=message):
                self.ended.notices.append(message)
            case contract.ProblemLine(problem=problem):
                self.problems.append(problem)
            case contract.ResultLine():
                pass  # the file is the result; the line only says that it is there
            case None:
                os.write(self.log, line + b"\n")

    def _judge(self) -> None:
        if self.problems and self.status in AT_FAULT:
            raise AT_FAULT[self.status](" ".join(problem.sentence() for problem in self.problems))
        if self.status:
            raise StageDiedError(f"{self.order.stage} {_how(self.status)}. {_tail(self.order.log)}".strip())

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, number)


def _how(status: int) -> str:
    if status == -signal.SIGKILL:
        return "was killed (signal 9); the machine may have run out of memory"
    return f"was ended by signal {-status}" if status < 0 else f"broke off with status {status}"


def _tail(log: Path) -> str:
    """The end of the log, for the reason people read."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()[-TAIL_LINES:]
    return "Its last words: " + " | ".join(line.strip() for line in lines if line.strip()) if lines else ""

"""The sandboxed child: what it cannot do, and what happens when it dies."""

import json
import multiprocessing
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from collector.normaliser import sandbox
from collector.normaliser.frames import Unreadable
from collector.normaliser.sandbox import SandboxUnavailable
from tests.collector.conftest import draw, encode, jpeg

ROOT = Path(__file__).resolve().parents[2]
BAD = Path(__file__).with_name("bad_child.py")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    sandbox.close()
    yield
    sandbox.close()


def children() -> list[psutil.Process]:
    mine = psutil.Process().children(recursive=True)
    return [child for child in mine if "collector.normaliser" in " ".join(child.cmdline())]


def run(code: str) -> str:
    """What a process of its own prints."""
    asked = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout


# --- what it cannot do ---------------------------------------------------------------------------------------------
def test_every_protection_is_on() -> None:
    found = {name: (on, detail) for name, on, detail in sandbox.protections()}
    assert set(found) == {
        "own network namespace",
        "dies with its worker",
        "no new privileges",
        "resource limits",
        "system call filter",
        "no files",
        "no sockets",
        "no processes",
    }
    off = {name for name, (on, _) in found.items() if not on}
    assert off <= {"own network namespace"}  # some containers allow no namespaces; the filter still holds


def test_locked_down_process_can_do_nothing_but_think() -> None:
    out = run(
        """
        import ctypes, json, mmap, os, socket, threading
        from collector.normaliser import lockdown
        threading.Thread(target=int).start()
        lockdown.lock_down(os.getppid())
        def attempt(action):
            try:
                action()
            except OSError as error:
                return error.errno
            return "allowed"
        libc = ctypes.CDLL(None, use_errno=True)
        def call(name, *arguments):
            if getattr(libc, name)(*arguments) < 0:
                raise OSError(ctypes.get_errno(), name)
        thread = threading.Thread(target=int)
        attempts = {
            "read a file": lambda: open("/etc/hostname"),
            "write a file": lambda: open("/tmp/planted", "w"),
            "list a folder": lambda: os.listdir("/"),
            "delete": lambda: os.unlink("/tmp/nothing-here"),
            "socket": lambda: socket.socket(),
            "unix socket": lambda: socket.socket(socket.AF_UNIX),
            "fork": os.fork,
            "exec": lambda: os.execv("/bin/true", ["true"]),
            "kill the worker": lambda: os.kill(os.getppid(), 0),
            "executable memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
            "change a limit": lambda: call("prlimit", 0, 4, None, None),
            "trace": lambda: call("ptrace", 0, 0, 0, 0),
            "more privileges": lambda: call("setuid", 0),
            "io_uring": lambda: call("syscall", 425, 8, 0),
            "a thread": lambda: (thread.start(), thread.join()),
        }
        print(json.dumps({name: attempt(action) for name, action in attempts.items()}))
        """
    )
    answers = json.loads(out)
    assert answers.pop("a thread") == "allowed"
    assert answers == dict.fromkeys(answers, 1)  # EPERM
    assert not Path("/tmp/planted").exists()


def test_child_knows_no_secret_and_holds_no_file() -> None:
    sandbox.normalise(jpeg())
    (child,) = children()
    assert set(child.environ()) <= {*sandbox.ENVIRONMENT, "LC_CTYPE"}
    assert all(name.startswith(("LC_", "MALLOC_")) for name in sandbox.ENVIRONMENT)
    assert child.open_files() == []
    assert child.net_connections() == []


def test_parent_imports_no_decoder() -> None:
    assert run("import sys; from collector.normaliser import sandbox; print('PIL' in sys.modules)") == "False\n"


def test_child_imports_no_django() -> None:
    code = "import sys; from collector.normaliser import __main__; print('django' in sys.modules)"
    assert run(code) == "False\n"


@pytest.mark.slow
def test_child_dies_with_its_worker() -> None:
    code = "from collector.normaliser import sandbox; sandbox.protections(); import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as worker:
        until = time.monotonic() + 20
        while not (found := psutil.Process(worker.pid).children()) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1)
        worker.send_signal(signal.SIGKILL)
    psutil.wait_procs(found, timeout=5)
    assert [child for child in found if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []


def test_child_serves_a_fork_from_one_of_its_own() -> None:
    sandbox.normalise(jpeg())
    (mine,) = children()
    context = multiprocessing.get_context("fork")
    said = context.Queue()

    def work() -> None:
        said.put(sandbox.normalise(jpeg()).width)
        sandbox.close()

    process = context.Process(target=work)
    process.start()
    assert said.get(timeout=30) == 64
    process.join(20)
    sandbox.normalise(jpeg())
    assert children() == [mine]


# --- keeping and replacing -----------------------------------------------------------------------------------------
def test_child_is_kept_and_replaced_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "PHOTOS_PER_CHILD", 2)
    seen = []
    for _ in range(4):
        sandbox.normalise(jpeg())
        seen += [child.pid for child in children()]
    assert seen[0] == seen[1] != seen[2] == seen[3]


def test_child_a_thread_started_outlives_the_thread() -> None:
    with ThreadPoolExecutor(1) as thread:
        thread.submit(sandbox.normalise, jpeg()).result()
    time.sleep(0.2)
    (first,) = children()
    assert sandbox.normalise(jpeg()).width == 64
    assert children() == [first]


def test_threads_have_a_child_each() -> None:
    photos = [encode(draw(seed, (1200, 900))) for seed in range(8)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(sandbox.normalise, photos))
    assert [one.sha256 for one in made] == [sandbox.normalise(photo).sha256 for photo in photos]
    assert 1 <= len(children()) <= 4


def test_child_killed_while_idle_is_no_photos_fault() -> None:
    sandbox.normalise(jpeg())
    children()[0].kill()
    assert sandbox.normalise(jpeg()).width == 64


# --- children gone wrong -------------------------------------------------------------------------------------------
@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Say how the next children behave, one after the other; real ones come afterwards."""
    real = sandbox._spawn
    started: list[int] = []

    def say(*ways: str) -> list[int]:
        queue = list(ways)

        def spawn() -> "subprocess.Popen[bytes]":
            started.append(1)
            if not queue:
                return real()
            asked = [sys.executable, str(BAD), queue.pop(0)]
            return subprocess.Popen(asked, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

        monkeypatch.setattr(sandbox, "_spawn", spawn)
        monkeypatch.setattr(sandbox, "PHOTO_S", 1.5)
        return started

    return say


def test_crash_is_tried_once_more_in_a_fresh_child(behave: Callable[..., list[int]]) -> None:
    started = behave("crashes")
    assert sandbox.normalise(jpeg()).width == 64
    assert len(started) == 2


def test_photo_that_crashes_two_children_is_unreadable(behave: Callable[..., list[int]]) -> None:
    behave("crashes", "crashes")
    with pytest.raises(Unreadable, match="makes the decoder fail"):
        sandbox.normalise(jpeg())
    assert sandbox.normalise(jpeg()).width == 64


def test_photo_that_burns_its_time_is_unreadable(
    behave: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "BLAME_CPU_S", 0.2)
    behave("burns")
    with pytest.raises(Unreadable, match="takes longer than"):
        sandbox.normalise(jpeg())
    assert children() == []


@pytest.mark.parametrize(
    "how",
    [
        "sleeps",
        "never starts",
        "lies about sizes",
        "lies about looks",
        "lies about bits",
        "measures not a number",
        "measures too much",
        "measures a truth",
        "measures what nobody asked",
        "measures in words",
        "sends a web page",
        "says nothing",
    ],
)
def test_what_is_no_photos_fault_does_not_make_it_unreadable(behave: Callable[..., list[int]], how: str) -> None:
    behave(how)
    with pytest.raises(SandboxUnavailable):
        sandbox.normalise(jpeg())
    assert sandbox.normalise(jpeg()).width == 64


def test_answer_that_is_sane_is_taken_as_it_is(behave: Callable[..., list[int]]) -> None:
    behave("tells the truth")
    made = sandbox.normalise(jpeg())
    assert (made.width, made.look64, made.measurements["sharpness"]) == (4, -1, 3.5)


def test_answer_without_measure_ends_the_child(behave: Callable[..., list[int]]) -> None:
    behave("floods")
    assert sandbox.normalise(jpeg()).width == 64


def test_photo_over_the_frames_limit_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="too large"):
        sandbox.normalise(b"\xff\xd8\xff" + bytes(40_000_000))

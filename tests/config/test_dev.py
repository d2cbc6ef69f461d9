"""The process runner: what it starts answers, and nothing outlives it."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.foundation.conftest import ROOT, processes_of, wait_for

SERVE = [sys.executable, "-m", "config.dev", "serve"]


class Server:
    """``python -m config.dev serve`` in a home of its own."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        own = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        self.process = subprocess.Popen(
            [*SERVE, *options],
            cwd=ROOT,
            env={**own, "DAYBREAK_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_up(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Daybreak is at http://"), self.process.communicate()
        return line.split()[3]

    def state(self) -> dict[str, dict[str, int]]:
        parsed: dict[str, dict[str, int]] = json.loads((self.home / "run" / "dev.json").read_text())
        return parsed

    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("dev") / "home"
    yield home
    for process in processes_of(home):
        process.kill()


def status_of(url: str) -> int:
    return int(urllib.request.urlopen(url, timeout=10).status)


@pytest.mark.slow
def test_serve_runs_everything_and_ctrl_c_ends_everything(home: Path) -> None:
    server = Server(home)
    url = server.wait_until_up()
    assert status_of(f"{url}/") == 200
    assert set(server.state()["children"]) == {"web", "worker", "train", "beat"}
    worker = server.state()["children"]["worker"]
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: server.state()["children"]["worker"] != worker)  # started again
    tree = server.tree()
    server.process.send_signal(signal.SIGINT)
    output, errors = server.process.communicate(timeout=40)
    assert server.process.returncode == 0
    assert "Stopped." in output
    assert "worker ended; starting it again" in errors
    assert [process for process in tree if process.is_running()] == []
    wait_for(lambda: not processes_of(home))


@pytest.mark.slow
def test_kill_of_serve_takes_every_process_along(home: Path) -> None:
    server = Server(home)
    server.wait_until_up()
    wait_for(lambda: len(server.tree()) >= 8)  # the page may be up before the last worker's child
    tree = server.tree()
    server.process.kill()
    _, alive = psutil.wait_procs(tree, timeout=15)
    assert alive == []
    wait_for(lambda: not processes_of(home))
    server.process.communicate()


def test_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = Server(tmp_path / "home", "--port", str(taken.getsockname()[1]))
        _, errors = server.process.communicate(timeout=30)
    assert server.process.returncode == 2
    assert "Cannot listen on port" in errors
    assert "allowed:" in errors
    assert "do:" in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "home" / "postgres").exists()


@pytest.mark.parametrize("port", ["0", "65536", "eighty"])
def test_port_that_is_none(port: str) -> None:
    done = subprocess.run([*SERVE, "--port", port], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "allowed is a whole number from 1 to 65535" in done.stderr


def test_without_a_port_the_next_free_one_is_taken() -> None:
    from config import dev

    with dev._listen("127.0.0.1", None) as first, dev._listen("127.0.0.1", None) as second:
        assert dev.FIRST_PORT <= first.getsockname()[1] < second.getsockname()[1] <= dev.LAST_PORT

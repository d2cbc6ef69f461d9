"""A web server for the benchmarks, as in production: gunicorn with threads."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

START_S, STOP_S = 60, 30


@contextmanager
def serving(*, workers: int, threads: int, env: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The address of a web server with this environment, once it answers. Raises TimeoutError."""
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--worker-class", "gthread", "--threads", str(threads)]
    command += ["--no-control-socket", "--log-level", "warning"]
    process = subprocess.Popen(command, env=dict(env))
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=STOP_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"gunicorn does not listen on port {port} after {START_S} s.")

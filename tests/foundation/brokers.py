"""A Redis to be hung, killed and started again."""

import subprocess
from pathlib import Path

import redis

from foundation.services.redis import program
from tests.foundation.conftest import wait_for


class Broker:
    """A Redis of this test's own, to be stopped at will."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(folder)]
        self.process = subprocess.Popen([program(), *options], stdout=subprocess.DEVNULL)
        self.url = f"unix://{self.socket}?db=0"
        wait_for(self.socket.exists)

    def count(self) -> int:
        with redis.Redis.from_url(self.url) as client:
            return int(client.llen("default"))

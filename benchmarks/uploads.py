"""Uploads of 12-megapixel JPEGs through the real endpoint and the real worker, against the normaliser in a bare loop.

CPU seconds are those of the web processes, the worker, its pool and its sandboxes, with what children used that have
ended since, as the kernel counts them. PostgreSQL and Redis are counted apart; the sender is not counted. The bare loop
runs before and after, on the same files, and the mean of both is the baseline. UPLOADS_PHOTOS says how many.

Memory is touched beforehand: a virtual machine may get each page from its host only when it is first used, which took
up to 6 ms of a photo's CPU time where this was written, and would be counted for the copies on disk alone.
"""

import base64
import hashlib
import http.client
import io
import json
import mmap
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
from PIL import Image

from benchmarks.lines import emit

PHOTOS = int(os.environ.get("UPLOADS_PHOTOS", "120"))
PICTURES = 6  # drawn; each photo is one of them with a comment of its own
SIZE = (4000, 3000)
SENDERS = 4
MOST = 1.25
PROJECT = "bench"
TOUCHED_A_PHOTO = 40_000_000  # bytes: many times what is stored of one, as the kernel does not reuse in that order
BARE = """
import sys, time
from pathlib import Path
from collector.normaliser import pixels
paths = [Path(line.strip()) for line in sys.stdin]
pixels.normalise(paths[0].read_bytes())
began = time.process_time()
for path in paths:
    pixels.normalise(path.read_bytes())
print((time.process_time() - began) / len(paths))
"""


def main() -> bool:
    """Prints CPU seconds a photo and photos a second; returns whether the target was met."""
    with tempfile.TemporaryDirectory(prefix="daybreak-uploads-") as folder, _server(Path(folder)) as server:
        photos = _draw(Path(folder))
        server.send(photos[:SENDERS])  # loads what is loaded late
        server.wait()
        bare = _bare_loop(photos)
        before = server.used()
        _touch_memory(TOUCHED_A_PHOTO * len(photos))
        began = time.monotonic()
        server.send(photos[SENDERS:])
        accepted_s = time.monotonic() - began
        server.wait()
        normalised_s = time.monotonic() - began
        after = server.used()
        bare = (bare + _bare_loop(photos)) / 2
        megabytes = sum(path.stat().st_size for path in photos) / len(photos) / 1e6
    count = len(photos) - SENDERS
    used = {name: (after[name] - before[name]) / count for name in before}
    whole = used["web"] + used["worker"]
    ratio = round(whole / bare, 3)
    met = ratio <= MOST
    emit("uploads: CPU seconds a photo", round(whole, 4), baseline=round(bare, 4), ratio=ratio, target=MOST, met=met)
    for name, seconds in used.items():
        emit(f"uploads: CPU seconds a photo of {name}", round(seconds, 4))
    emit("uploads: megabytes a photo", round(megabytes, 2))
    emit("uploads: accepted a second", round(count / accepted_s, 2))
    emit("uploads: normalised a second", round(count / normalised_s, 2))
    return met


def _draw(folder: Path) -> list[Path]:
    """Pictures with the detail and the noise of a phone's camera, as its JPEG: about 4 MB each."""
    random, paths = np.random.default_rng(11), []
    for number in range(PICTURES):
        coarse = Image.fromarray(random.integers(40, 216, (30, 40, 3), dtype=np.uint8)).resize(
            SIZE, Image.Resampling.BICUBIC
        )
        fine = Image.fromarray(random.integers(0, 256, (750, 1000), dtype=np.uint8)).resize(
            SIZE, Image.Resampling.BILINEAR
        )
        noise = random.normal(0, 5, (SIZE[1], SIZE[0], 1)).astype(np.float32)
        picture = np.asarray(coarse, np.float32) + (np.asarray(fine, np.float32)[..., None] - 128) * 0.2 + noise
        image = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
        path = folder / f"picture-{number}.jpg"
        image.save(path, quality=90)
        paths.append(path)
    return [_with_comment(paths[n % PICTURES], folder / f"{n:04d}.jpg", n) for n in range(PHOTOS + SENDERS)]


def _with_comment(picture: Path, path: Path, number: int) -> Path:
    data, comment = picture.read_bytes(), f"photo {number:06d}".encode()
    path.write_bytes(data[:2] + b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment + data[2:])
    return path


def _bare_loop(photos: Iterable[Path]) -> float:
    """CPU seconds a photo of a process that does nothing else."""
    given = "\n".join(str(path) for path in photos)
    done = subprocess.run([sys.executable, "-c", BARE], input=given, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _touch_memory(size: int) -> None:
    """Write to every page of so many bytes, and give them back."""
    size = min(size, psutil.virtual_memory().available // 2)
    with mmap.mmap(-1, size) as pages:
        for start in range(0, size, mmap.PAGESIZE):
            pages[start] = 1


class _Server:
    """The running server, and a volunteer who sends it photos."""

    def __init__(self, url: str, pids: dict[str, int], home: Path) -> None:
        self._host, self._pids, self._home = urlsplit(url).netloc, pids, home
        answer = self._ask(
            "POST", "/api/v1/guests", b'{"consent_version": "2026-11"}', {"Content-Type": "application/json"}
        )
        self._token = str(json.loads(answer)["token"])

    def send(self, photos: Iterable[Path]) -> None:
        """Until all are acknowledged; SENDERS at a time."""
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(self._put, photos))

    def wait(self) -> None:
        """Until all are normalised."""
        from collector.models import Photo

        while Photo.objects.exclude(state="awaiting_review").exists():
            time.sleep(0.1)

    def used(self) -> dict[str, float]:
        """CPU seconds so far."""
        return {"web": self.cpu_s("web"), "worker": self.cpu_s("worker"), "services": self.services_cpu_s()}

    def cpu_s(self, name: str) -> float:
        """Of web or worker, and of all its children, the dead ones too."""
        return _tree_cpu_s(psutil.Process(self._pids[name]))

    def services_cpu_s(self) -> float:
        """Of the keeper, PostgreSQL and Redis."""
        keepers = [one for one in psutil.process_iter() if _is_keeper(one, self._home)]
        return sum(_tree_cpu_s(keeper) for keeper in keepers)

    def _put(self, path: Path) -> None:
        data = path.read_bytes()
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Digest": f"sha-256=:{digest}:"}
        self._ask(
            "PUT", f"/api/v1/photos/{uuid.uuid4()}?project={PROJECT}", data, {**headers, "Content-Type": "image/jpeg"}
        )

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        connection = http.client.HTTPConnection(self._host, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status != http.HTTPStatus.CREATED:
            raise RuntimeError(f"{method} {path} was answered with {answer.status}: {said[:300]!r}")
        return said


@contextmanager
def _server(folder: Path) -> Iterator[_Server]:
    """Services, web and worker in a home of their own, as ``make dev`` starts them."""
    for name in ("DATABASE_URL", "REDIS_URL", "STORAGE_URL"):
        os.environ.pop(name, None)
    os.environ |= {
        "DAYBREAK_HOME": str(folder / "home"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "WARNING",
    }
    import django

    from config import dev

    django.setup()
    from django.core.management import call_command

    limits = {"LIMIT_UPLOADS": "1000000/day", "LIMIT_UPLOAD_MB": "1000000/day"}  # counted, but never reached
    with dev.stack(port=0, train_worker=False, env=limits) as running:
        call_command("create_project", PROJECT, name="Bench", verbosity=0, stdout=io.StringIO())
        yield _Server(running.url, running.pids, running.home)


def _tree_cpu_s(top: psutil.Process) -> float:
    return sum(_cpu_s(process) for process in (top, *top.children(recursive=True)))


def _cpu_s(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:4]))  # own and of children that were waited for; user and system
    return 0.0


def _is_keeper(process: psutil.Process, home: Path) -> bool:
    with suppress(psutil.Error):
        words = process.cmdline()
        return "foundation.services" in words and str(home) in words
    return False

"""The worker's side: keeps children ready, sends them photos, kills and replaces those that hang or crash.

One child serves one thread at a time; as many are kept as threads asked at once. Nothing of Pillow is imported here.
"""

import atexit
import dataclasses
import fcntl
import hashlib
import logging
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeGuard

import psutil

from collector.normaliser import frames
from collector.normaliser.frames import Unreadable

log = logging.getLogger(__name__)

START_S = 30.0  # importing the decoders takes a quarter of a second, on a busy machine more
PHOTO_S = 10.0
BLAME_CPU_S = 5.0  # a photo that hangs has used this much of its 10 s; otherwise the machine was too busy
PHOTOS_PER_CHILD = 200  # leaks of decoders, and whatever a photo may have left behind, end with the child
LONG_SIDE = 1600
LOOKS = re.compile("[0-9a-f]{64}")
RANGES: dict[str, float] = {  # what is measured, each at least 0, and the most it can be
    "luminance_5": 255,
    "luminance_50": 255,
    "luminance_95": 255,
    "clipped_dark": 1,
    "clipped_bright": 1,
    "sharpness": 16_384,  # the variance of values within 128 of their mean
    "short_side": 50_000_000,  # pixels of the original; that many are allowed in all
    "long_side": 50_000_000,
}
PIPE_BYTES = 1 << 20
ROOT = Path(__file__).resolve().parents[2]

ENVIRONMENT = {  # no address of a database, no key
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",  # a thread's own arena would take 64 MB of the child's addresses
    # Keep what one photo used for the next: handing each image back to the kernel, and getting it again page by page,
    # took an eighth of a photo's CPU time.
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
}


class SandboxUnavailable(Exception):  # noqa: N818 -- what is the case
    """No photo's fault: the child cannot start, or the machine is too busy for it."""


class Crashed(Exception):  # noqa: N818 -- what happened
    """The child died or hung while it worked on a photo."""


@dataclasses.dataclass(frozen=True)
class Normalised:
    """Clean pixels: a JPEG (long side at most 1600), its digest and size, a thumbnail, its looks, and numbers."""

    jpeg: bytes
    thumbnail: bytes
    sha256: str  # of ``jpeg``, hex
    width: int
    height: int
    look_hash: str  # hex
    look64: int | None  # signed; None where the photo is too plain to be told from others
    measurements: dict[str, float]  # as in RANGES


def normalise(data: bytes) -> Normalised:
    """Rebuild a photo's pixels in a sandboxed child.

    Raises Unreadable where the photo is at fault: a decoder refused it, or it crashed two children, the second of them
    a fresh one. Raises SandboxUnavailable where it is not.
    """
    if len(data) > frames.MAX_BODY:
        raise Unreadable(f"The photo is too large: {len(data) / 1e6:.0f} MB.")
    for is_fresh in (False, True):
        child = _pool.take(is_fresh=is_fresh)
        try:
            said, body = child.ask(data)
        except Crashed as crash:
            log.warning("a photo of %d bytes ended its sandbox: %s", len(data), crash)
            continue
        try:
            made = _checked(said, body)
        except SandboxUnavailable:
            child.close()  # whatever took it over stays there
            raise
        except Unreadable:
            _pool.give_back(child)
            raise
        _pool.give_back(child)
        return made
    raise Unreadable("The photo makes the decoder fail; it may be damaged.")


def protections() -> list[tuple[str, bool, str]]:
    """What a child of this machine is protected by: name, whether it is on, detail. Raises SandboxUnavailable."""
    child = _pool.take()
    _pool.give_back(child)
    return list(child.protections)


def close() -> None:
    """End all idle children; the next photo starts a new one."""
    _pool.close()


class Child:
    """One sandboxed process and the two pipes to it."""

    def __init__(self) -> None:
        self.photos = 0
        self._process = _spawner.submit(_spawn).result()
        said, _ = self._exchange(None, START_S, SandboxUnavailable)
        self.protections = [(str(name), bool(on), str(detail)) for name, on, detail in said.get("protections", [])]

    @property
    def is_usable(self) -> bool:
        """Whether it lives and is young enough for another photo."""
        return self.photos < PHOTOS_PER_CHILD and self._process.poll() is None

    def ask(self, data: bytes) -> tuple[dict[str, Any], bytes]:
        """Send one photo and wait for the verdict. Raises Crashed, Unreadable (too slow) or SandboxUnavailable."""
        self.photos += 1
        return self._exchange(data, PHOTO_S, Crashed)

    def close(self) -> None:
        """Kill it and forget it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was still to be written has nobody to read it
                    log.debug("pipe closed late")

    def _exchange(self, data: bytes | None, limit_s: float, failure: type[Exception]) -> tuple[dict[str, Any], bytes]:
        process, cpu_at_start, hung = self._process, self._cpu_s(), []
        if process.stdin is None or process.stdout is None:  # never, but the type says so
            raise SandboxUnavailable("the sandbox has no pipes")

        def give_up() -> None:
            hung.append(self._cpu_s() - cpu_at_start)
            process.kill()

        clock = threading.Timer(limit_s, give_up)
        clock.daemon = True
        clock.start()
        try:
            if data is not None:
                frames.write(process.stdin, {}, data)
            return frames.read(process.stdout)
        except frames.Broken as broken:
            self.close()
            if hung and data is not None and hung[0] >= BLAME_CPU_S:
                raise Unreadable(f"The photo takes longer than {limit_s:.0f} seconds to decode.") from broken
            if hung:
                raise SandboxUnavailable(f"No answer within {limit_s:.0f} s: is the machine too busy?") from broken
            raise failure(f"the child ended with {process.returncode}") from broken
        finally:
            clock.cancel()

    def _cpu_s(self) -> float:
        try:
            times = psutil.Process(self._process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)


class _Pool:
    """Idle children of this process, the one used last on top."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Child] = []

    def take(self, *, is_fresh: bool = False) -> Child:
        while not is_fresh:
            with self._lock:
                child = self._idle.pop() if self._idle else None
            if child is None:
                break
            if child.is_usable:
                return child
            child.close()
        try:
            return Child()
        except OSError as error:
            raise SandboxUnavailable(f"The sandbox does not start: {error}") from error

    def give_back(self, child: Child) -> None:
        with self._lock:
            self._idle.append(child)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _spawn() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "collector.normaliser", str(os.getpid())],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if process.stdin is not None:
        with suppress(OSError):  # an account may have so many only; a photo crosses in sixty pieces then, not in four
            fcntl.fcntl(process.stdin, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return process


def _checked(said: dict[str, Any], body: bytes) -> Normalised:
    """The child's answer, believed in nothing: a photo may have taken the child over."""
    if isinstance(said.get("unreadable"), str):
        raise Unreadable(said["unreadable"][:300])
    width, height, cut = (_natural(said.get(name)) for name in ("width", "height", "jpeg_bytes"))
    look_hash, look64 = str(said.get("look_hash")), said.get("look64")
    measurements = said.get("measurements")
    is_sane = 0 < width <= LONG_SIDE and 0 < height <= LONG_SIDE and LOOKS.fullmatch(look_hash)
    if not (is_sane and _are_looks(look64) and _are_measured(measurements)):
        raise SandboxUnavailable(f"The sandbox answered nonsense: {str(said)[:200]}")
    jpeg, thumbnail = body[:cut], body[cut:]
    if not (jpeg.startswith(b"\xff\xd8") and thumbnail.startswith(b"\xff\xd8")):
        raise SandboxUnavailable("The sandbox answered something that is no JPEG.")
    sha256 = hashlib.sha256(jpeg).hexdigest()
    return Normalised(jpeg, thumbnail, sha256, width, height, look_hash, look64, dict(measurements))


def _are_looks(value: object) -> TypeGuard[int | None]:
    return value is None or (type(value) is int and -(2**63) <= value < 2**63)


def _are_measured(value: object) -> TypeGuard[dict[str, float]]:
    """Exactly the numbers there are to measure, each in its range; not-a-number is in none, and True is no number."""
    if not isinstance(value, dict) or value.keys() != RANGES.keys():
        return False
    return all(type(one) in {int, float} and 0 <= one <= RANGES[name] for name, one in value.items())


def _natural(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


# A child asks the kernel to die with its parent, and the kernel means the thread that started it. So one thread that
# lives as long as the process starts them all.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox")
_pool = _Pool()
_forgotten: list[object] = []


def _start_anew() -> None:
    """A fork inherits neither the thread nor the right to its parent's children."""
    global _spawner, _pool  # one set a process is the point
    _forgotten.extend((_spawner, _pool))  # kept, so that nothing of the parent's is closed by garbage collection
    _spawner, _pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox"), _Pool()


os.register_at_fork(after_in_child=_start_anew)
atexit.register(close)

"""What ``manage.py doctor`` looks at: what is there, what is missing, which protections are on, what to do."""

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from collector.domain import reconciling
from config.celery import QUEUES, app
from foundation import blobs
from foundation.enums import JobState
from foundation.models import Job

ROOMY_BYTES = 5_000_000_000  # a month of photos of a small project, and a night's work beside
TRAINING_MODULES = ("torch", "torchvision", "pytorch_lightning", "coremltools", "onnx", "onnxruntime")
CONVERTER_MODULES = ("litert_torch", "ai_edge_litert", "ai_edge_quantizer")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 2.0
OLDEST_POSTGRES = 15_00_00
OLDEST_REDIS = (6, 2)


@dataclass(frozen=True)
class Check:
    """One row. ``do`` is empty where all is well; a machine that lacks something ``required`` cannot serve."""

    name: str
    ok: bool
    detail: str
    do: str = ""
    required: bool = False


def examine() -> Iterator[Check]:
    """All checks, in the order of a set-up. A check that breaks is a finding, never an error."""
    for name, look, required, do in _LOOKS:
        try:
            yield from look()
        except Exception as error:  # noqa: BLE001 -- whatever breaks is what we are looking for
            yield Check(name, ok=False, detail=f"{type(error).__name__}: {error}"[:300], do=do, required=required)


def _python() -> Iterator[Check]:
    yield Check("python", ok=True, detail=f"{sys.version.split()[0]} at {sys.executable}", required=True)


def _database() -> Iterator[Check]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
        settled = {}
        for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            cursor.execute(f"SHOW {name}")
            settled[name] = cursor.fetchone()[0]
    off = [name for name, value in settled.items() if value == "off"]
    is_new = connection.pg_version >= OLDEST_POSTGRES  # type: ignore[attr-defined]  # of the PostgreSQL wrapper
    yield Check(
        "database", is_new, f"PostgreSQL {version}", "" if is_new else "use PostgreSQL 15 or later", required=True
    )
    yield Check(
        "database durability",
        not off,
        ", ".join(f"{name} {value}" for name, value in settled.items()),
        f"turn on {', '.join(off)}: acknowledged photos could be lost" if off else "",
    )
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    detail = f"{len(waiting)} wait" if waiting else "all applied"
    yield Check("migrations", not waiting, detail, "run manage.py migrate" if waiting else "", required=True)


def _redis() -> Iterator[Check]:
    with _redis_client() as client:
        version = str(client.info("server")["redis_version"])
        policy = str(client.config_get("maxmemory-policy").get("maxmemory-policy", "hidden"))
    is_new = tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_REDIS
    yield Check("redis", is_new, f"Redis {version}", "" if is_new else "use Redis 6.2 or later", required=True)
    keeps = policy in {"noeviction", "hidden"}  # hosted ones may not tell
    yield Check("redis keeps queues", keeps, f"maxmemory-policy {policy}", "" if keeps else "set it to noeviction")


def _redis_client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=PATIENCE_S)


def _storage() -> Iterator[Check]:
    where = blobs.check_storage()
    yield Check("storage", ok=True, detail=f"{where}: written, read, deleted", required=True)


def _disk() -> Iterator[Check]:
    home = settings.DAYBREAK_HOME
    free = shutil.disk_usage(next(folder for folder in (home, *home.parents) if folder.exists())).free
    roomy = free >= ROOMY_BYTES
    yield Check("disk", roomy, f"{free / 1e9:.1f} GB free at {home}", "" if roomy else "make room: a night needs 5 GB")


def _signing_key() -> Iterator[Check]:
    yield from _private_file("signing key", settings.HUB_KEY_FILE, "make it once with manage.py make_keys")


def _secret_key() -> Iterator[Check]:
    if os.environ.get("SECRET_KEY"):
        yield Check("secret key", ok=True, detail="from the environment", required=True)
    else:
        yield from _private_file("secret key", settings.DAYBREAK_HOME / "keys" / "secret", "set SECRET_KEY")


def _private_file(name: str, path: Path, do: str) -> Iterator[Check]:
    if not path.exists():
        yield Check(name, ok=False, detail=f"{path} is missing", do=do, required=True)
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    private = not mode & 0o077
    yield Check(name, private, f"{path}, mode {mode:03o}", "" if private else f"chmod 600 {path}", required=True)


def _workers() -> Iterator[Check]:
    with _redis_client() as client:
        client.ping()  # Celery would try for six seconds
    answers = app.control.inspect(timeout=PATIENCE_S).active_queues() or {}
    served = {queue["name"] for queues in answers.values() for queue in queues}
    for queue in QUEUES:
        start = "make dev starts all; alone: celery -A config worker -Q " + queue
        detail = "a worker answers" if queue in served else "no worker answers (a busy one with one process may not)"
        yield Check(f"worker for {queue}", queue in served, detail, "" if queue in served else start)


def _jobs() -> Iterator[Check]:
    quarantined = Job.objects.filter(state=JobState.QUARANTINED).count()
    oldest = Job.objects.filter(state=JobState.QUEUED).order_by("created_at").first()
    age = timezone.now() - oldest.created_at if oldest else timedelta()
    quick = age < timedelta(minutes=10)
    waits = f"the oldest queued one is {age.total_seconds() / 60:.0f} minutes old" if oldest else "none waits"
    yield Check("jobs run", quick, waits, "" if quick else "see that a worker for its queue and beat are running")
    do = "read their reasons in the admin under Jobs, mend the cause, queue them again" if quarantined else ""
    yield Check("jobs quarantined", not quarantined, str(quarantined), do)


def _losses() -> Iterator[Check]:
    lost, back = reconciling.count_losses()
    detail = f"{lost} receipts came back for photos that were not here; {back} were sent again" if lost else "none"
    do = "see photo.lost in the log: was a backup restored? Delete the rows of collector_lostphoto then" if lost else ""
    yield Check("photos lost", not lost, detail, do)


def _limits() -> Iterator[Check]:
    for name in ("LIMIT_UPLOADS", "LIMIT_UPLOAD_MB", "LIMIT_RECONCILES", "LIMIT_GUESTS"):
        on = ", ".join(f"{one.amount} per {one.multiples} {one.GRANULARITY.name}" for one in getattr(settings, name))
        yield Check(f"limit: {name}", bool(on), on or "off", "" if on else f"nothing is limited; set {name}")
    proxies = settings.TRUSTED_PROXIES
    detail = f"{proxies} trusted" if proxies else "none trusted; X-Forwarded-For is not looked at"
    yield Check("proxies", ok=True, detail=detail)


def _training() -> Iterator[Check]:
    yield _modules("training", TRAINING_MODULES, None, "run make setup on machines that train")


def _converter() -> Iterator[Check]:
    other = settings.TRAINING_LITERT_PYTHON or None
    yield _modules("LiteRT converter", CONVERTER_MODULES, other, "run make setup, or set TRAINING_LITERT_PYTHON")


def _modules(name: str, modules: tuple[str, ...], python: str | None, do: str) -> Check:
    """Look for modules without importing them: torch takes seconds, and has no business in this process."""
    if python is None:
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
    else:
        code = f"import importlib.util as u; print(*[m for m in {modules!r} if u.find_spec(m) is None])"
        done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True, timeout=30)
        missing = done.stdout.split()
    detail = f"missing: {', '.join(missing)}" if missing else f"{', '.join(modules)} are installed"
    return Check(name, not missing, detail, do if missing else "")


def _browser() -> Iterator[Check]:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    yield Check("browser for tests", bool(found), found or "no Chromium", "" if found else "apt install chromium")


def _sandbox() -> Iterator[Check]:
    from collector.normaliser import sandbox  # a machine without Pillow should still be told the rest

    for name, is_on, detail in sandbox.protections():
        do = "" if is_on else "photos are decoded with less protection: use Linux 5.13 or later, without restricting it"
        yield Check(f"sandbox: {name}", is_on, detail, do)


def _https() -> Iterator[Check]:
    secure = settings.SECURE and not settings.DEBUG
    detail = f"SECURE {'on' if settings.SECURE else 'off'}, DEBUG {'on' if settings.DEBUG else 'off'}"
    yield Check("https", secure, detail, "" if secure else "in production set SECURE=1 and leave DEBUG off")


def _mail() -> Iterator[Check]:
    sends = settings.EMAIL_BACKEND.endswith("smtp.EmailBackend")
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}" if sends else settings.EMAIL_BACKEND.split(".")[-2]
    needed = settings.SECURE and not sends
    yield Check("mail", not needed, where, "set EMAIL_URL: nobody gets a code to sign in with" if needed else "")


_SERVICES = "start it with make dev or make manage, or see DATABASE_URL and REDIS_URL"
_LOOKS: list[tuple[str, Callable[[], Iterator[Check]], bool, str]] = [
    ("python", _python, True, ""),
    ("database", _database, True, _SERVICES),
    ("redis", _redis, True, _SERVICES),
    ("storage", _storage, True, "see STORAGE_URL: it must be writable and have room"),
    ("disk", _disk, False, ""),
    ("secret key", _secret_key, True, "set SECRET_KEY"),
    ("signing key", _signing_key, True, "make it once with manage.py make_keys"),
    ("workers", _workers, False, _SERVICES),
    ("jobs", _jobs, False, "see the database above"),
    ("photos lost", _losses, False, "see the database above"),
    ("limits", _limits, False, "see LIMIT_UPLOADS"),
    ("training", _training, False, "run make setup on machines that train"),
    ("LiteRT converter", _converter, False, "see TRAINING_LITERT_PYTHON"),
    ("browser for tests", _browser, False, ""),
    ("sandbox", _sandbox, True, "photos cannot be normalised on this machine: install the web extra"),
    ("mail", _mail, False, ""),
    ("https", _https, False, ""),
]

"""For the tests that need Django: embedded services in a home of their own, started once a process.

Processes that share the tests (pytest-xdist) share nothing else: each has its database, its Redis and its queues.
DAYBREAK_TEST_HOME keeps one home between sessions (quicker, but then only one process at a time);
DATABASE_URL and REDIS_URL use servers of yours. tests/ml has its own pytest.ini and never loads this file.
"""

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import LazySettings, settings

from foundation import services

# What tests start must hear Ctrl-C, also where a shell in the background started us, whose children ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
KEPT = os.environ.get("DAYBREAK_TEST_HOME")
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["DAYBREAK_HOME"] = KEPT or tempfile.mkdtemp(prefix="daybreak-test-")
HOME = Path(os.environ["DAYBREAK_HOME"])
(HOME / "static").mkdir(parents=True, exist_ok=True)  # whitenoise warns where there is none
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # slow ones took a fifth of all tests
django.setup()  # now, with the home above: pytest-django finds the settings read, and leaves them alone


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """A home for each process, told before it starts, since pytest-django reads the settings before this file."""
    for spec in specs:
        spec.env["DAYBREAK_HOME"] = tempfile.mkdtemp(dir=HOME)


def pytest_unconfigure() -> None:
    """Stops the services, and removes their home from /tmp."""
    services.release(HOME, wait_s=20)
    if not KEPT:
        shutil.rmtree(HOME, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: begun last, one of them would keep one process busy while the others have nothing to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def _services() -> None:
    """PostgreSQL and Redis, unless the environment names others."""
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        services.ensure(HOME)


@pytest.fixture
def storage(settings: LazySettings, tmp_path: Path) -> Path:
    """An empty storage of this test's own."""
    folder = tmp_path / "blobs"
    settings.STORAGE_URL = f"file://{folder}"
    return folder

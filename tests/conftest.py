"""For the tests that need Django: embedded services in a home of their own, started once a session.

DAYBREAK_TEST_HOME keeps one home between sessions (quicker, but then only one session at a time);
DATABASE_URL and REDIS_URL use servers of yours. tests/ml has its own pytest.ini and never loads this file.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import django
import pytest

from foundation import services

KEPT = os.environ.get("DAYBREAK_TEST_HOME")
WORKER = os.environ.get("PYTEST_XDIST_WORKER")  # its controller has set DAYBREAK_HOME and removes it


def _leave_nothing() -> None:
    """Stop the services, and remove their home from /tmp."""
    services.release(HOME, wait_s=20)
    if not KEPT:
        shutil.rmtree(HOME, ignore_errors=True)


if not WORKER:
    os.environ["DAYBREAK_HOME"] = KEPT or tempfile.mkdtemp(prefix="daybreak-test-")
    atexit.register(_leave_nothing)
HOME = Path(os.environ["DAYBREAK_HOME"])
(HOME / "static").mkdir(parents=True, exist_ok=True)  # whitenoise warns where there is none
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()  # now, with the home above: pytest-django finds the settings read, and leaves them alone


@pytest.fixture(scope="session", autouse=True)
def _services() -> None:
    """PostgreSQL and Redis, unless the environment names others."""
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        services.ensure(HOME)

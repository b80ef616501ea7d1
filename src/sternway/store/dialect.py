"""What is said to one kind of database only. The tables and the queries are the same for all.

SQLite stands alone so far. Migrations use `insert_only` and `unprotect`, so what these say of a table that
exists never changes: a new rule is a new function and a new migration.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from sternway.core import errors


def url_of(location: str | Path) -> sa.URL:
    """Return the address of a database; a location without a scheme is the path of an SQLite file."""
    if isinstance(location, Path) or "://" not in location:
        return sa.URL.create("sqlite", database=str(location))
    url = sa.make_url(location)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise errors.InvalidInput(
            f"store: {url.get_backend_name()} is not supported", hint="give the path of an SQLite file"
        )
    return url.set(drivername="sqlite")


def create_file(url: sa.URL) -> None:
    """Make an empty database that only its owner can read; SQLite gives its companions the same mode."""
    try:
        os.close(os.open(str(url.database), os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as exc:
        raise errors.StoreUnavailable(
            f"store: cannot open {url.database}: {exc.strerror}", hint="check that the directory exists and is writable"
        ) from exc


def engine_options(wait_s: float) -> dict[str, Any]:
    """Return what both the sync and the async engine are made with.

    The driver begins no transaction by itself (`isolation_level`): `speak_to` has it done. Parameters are
    left out of errors, which end up in logs.
    """
    return {"connect_args": {"timeout": wait_s, "isolation_level": None}, "hide_parameters": True}


def speak_to(engine: sa.Engine, *, may_write: bool) -> None:
    """Have each connection of an engine set up, and each transaction begun, for reading or for writing."""

    @event.listens_for(engine, "connect")
    def set_up(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in _pragmas(may_write):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # The lock is taken at once: taken at the first INSERT it could be refused without waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if may_write else "BEGIN")


def _pragmas(may_write: bool) -> Sequence[str]:
    if not may_write:
        return ("foreign_keys = ON", "query_only = ON")
    # recursive_triggers: without it INSERT OR REPLACE would pass by the triggers of `insert_only`.
    return ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "recursive_triggers = ON")


def insert_only(table: str) -> Sequence[str]:
    """Return what makes the database itself refuse to change or remove rows of a table."""
    return [
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is insert-only'); END"
        for verb in ("UPDATE", "DELETE")
    ]


def unprotect(table: str) -> Sequence[str]:
    """Return what undoes `insert_only`."""
    return [f"DROP TRIGGER {table}_no_{verb}" for verb in ("update", "delete")]


@contextmanager
def changeable(connection: sa.Connection, table: str) -> Iterator[None]:
    """Let rows of an insert-only table be changed until the block ends, within the transaction, as a migration may."""
    named = sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name")
    name = f"{table}_no_update"
    protection = connection.execute(named, {"name": name}).scalar()
    if protection:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    if protection:
        connection.exec_driver_sql(protection)

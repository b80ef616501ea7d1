"""Rows that an older schema cannot hold: what a way down would lose."""

from collections.abc import Mapping, Sequence
from importlib import import_module, resources
from typing import Any

import sqlalchemy as sa

from sternway.core import errors
from sternway.store import failures, schema

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def rows(url: sa.URL, revision: str) -> Rows:
    """Return the rows that a revision cannot hold, by table; those of tables that it lacks.

    Raises StoreUnavailable, and InvalidInput for a revision that this version does not know.
    """
    later = _later_than(revision)
    with failures.translated(), schema.begin(url) as connection:
        there = set(sa.inspect(connection).get_table_names())
        found = {table: _rows(connection, table) for table in later if table in there}
    return {table: kept for table, kept in found.items() if kept}


def counts(url: sa.URL, revision: str) -> Mapping[str, int]:
    """Return how many they are, by table."""
    return {table: len(kept) for table, kept in rows(url, revision).items()}


def words(found: Rows) -> str:
    """Say what stands in the way, without any value."""
    named = ", ".join(f"{len(kept)} of {table}" for table, kept in sorted(found.items()))
    return f"the older version cannot hold some rows: {named}"


def _rows(connection: sa.Connection, table: str) -> list[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(sa.select(sa.text("*")).select_from(sa.table(table))).mappings()]


def _later_than(revision: str) -> list[str]:
    """Return the tables that migrations after a revision brought; each names its own in TABLES."""
    package = "sternway.store.migrations.versions"
    names = sorted(
        entry.name.removesuffix(".py")
        for entry in resources.files(package).iterdir()
        if entry.name[:4].isdigit() and entry.name.endswith(".py")
    )
    known = [name.partition("_")[0] for name in names]
    if revision not in known:
        raise errors.InvalidInput(f"--downgrade-to: {revision!r} is no revision that this version knows")
    later = names[known.index(revision) + 1 :]
    return [table for name in later for table in import_module(f"{package}.{name}").TABLES]

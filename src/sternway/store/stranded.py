"""Rows that an older schema cannot hold: what a way down would lose."""

from collections.abc import Mapping, Sequence
from importlib import import_module, resources
from types import ModuleType
from typing import Any

import sqlalchemy as sa

from sternway.core import errors
from sternway.store import failures, schema

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def rows(url: sa.URL, revision: str) -> Rows:
    """Return the rows that a revision cannot hold, by table: those of tables that it lacks, and those with
    something in columns that it lacks.

    Raises StoreUnavailable, and InvalidInput for a revision that this version does not know.
    """
    tables: dict[str, Sequence[str]] = {}
    for module in _later_than(revision):
        tables |= dict.fromkeys(getattr(module, "TABLES", ()), ())
        tables |= getattr(module, "COLUMNS", {})
    with failures.translated(), schema.begin(url) as connection:
        there = _there(connection, tables)
        found = {table: _rows(connection, table, columns) for table, columns in there.items()}
    return {table: kept for table, kept in found.items() if kept}


def counts(url: sa.URL, revision: str) -> Mapping[str, int]:
    """Return how many they are, by table."""
    return {table: len(kept) for table, kept in rows(url, revision).items()}


def words(found: Rows) -> str:
    """Say what stands in the way, without any value."""
    named = ", ".join(f"{len(kept)} of {table}" for table, kept in sorted(found.items()))
    return f"the older version cannot hold some rows: {named}"


def _there(connection: sa.Connection, tables: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """Return those tables and columns that the database has, as one that is down already lacks some."""
    inspected = sa.inspect(connection)
    present = tables.keys() & set(inspected.get_table_names())
    known = {table: {column["name"] for column in inspected.get_columns(table)} for table in present}
    found = {table: [name for name in tables[table] if name in known[table]] for table in present}
    return {table: columns for table, columns in found.items() if columns or not tables[table]}


def _rows(connection: sa.Connection, table: str, columns: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the rows of a table that have something in one of these columns; all, without any column."""
    chosen = sa.select(sa.text("*")).select_from(sa.table(table))
    if columns:
        chosen = chosen.where(sa.or_(*(sa.column(name).is_not(None) for name in columns)))
    return [dict(row) for row in connection.execute(chosen).mappings()]


def _later_than(revision: str) -> list[ModuleType]:
    """Return the migrations after a revision; each says what it brought: TABLES, and COLUMNS by table."""
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
    return [import_module(f"{package}.{name}") for name in later]

"""Rows that were exported for an older schema, brought in again once the schema can hold them.

A row is told by its primary key. One that is there with the same content is left alone, so that bringing the same
rows in twice changes nothing; what is there with another content is never written over.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sternway.ports import Brought, Refusal
from sternway.store import dialect, failures
from sternway.store.connection import Transaction

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SqlExports:
    """Fills `ports.Exports`."""

    transaction: Transaction

    async def holds(self, table: str, columns: Sequence[str]) -> bool:
        """Tell whether the schema has a table with these columns."""
        with failures.translated():
            known = await self.transaction.connection.run_sync(_columns, table)
        return bool(known) and set(columns) <= set(known)

    async def bring_in(self, table: str, rows: Sequence[Row]) -> Brought:
        """Insert what is not there, and give back what columns have lost; what the schema refuses is told."""
        with failures.translated():
            return await self.transaction.connection.run_sync(_bring_in, table, rows)


def _columns(connection: sa.Connection, table: str) -> dict[str, Any]:
    inspector = sa.inspect(connection)
    if not inspector.has_table(table):
        return {}
    return {column["name"]: column["type"] for column in inspector.get_columns(table)}


def _bring_in(connection: sa.Connection, name: str, rows: Sequence[Row]) -> Brought:
    types = _columns(connection, name)
    table = sa.table(name, *(sa.column(column) for column in types))
    keys = sa.inspect(connection).get_pk_constraint(name)["constrained_columns"] or list(types)
    brought, refused = 0, []
    with dialect.changeable(connection, name):
        for number, row in enumerate(rows):
            try:
                with connection.begin_nested():
                    brought += _place(connection, table, keys, _decoded(row, types))
            except (sa.exc.StatementError, KeyError, ValueError, NotBase64) as problem:
                refused.append(Refusal(number, _words(problem)))
    return Brought(brought, len(rows) - brought - len(refused), tuple(refused))


def _place(connection: sa.Connection, table: sa.TableClause, keys: Sequence[str], row: Row) -> bool:
    """Bring in one row, and tell whether it was missing; raises ValueError for one that is there as another."""
    this = sa.and_(*(table.c[key] == row[key] for key in keys))
    there = connection.execute(sa.select(table).where(this)).mappings().first()
    if there is None:
        connection.execute(table.insert().values(dict(row)))
        return True
    lost = {name: value for name, value in row.items() if value is not None and there[name] is None}
    if other := [name for name, value in row.items() if name not in lost and there[name] != value]:
        raise ValueError(f"a row is there that differs in {', '.join(sorted(other))}")
    if lost:
        connection.execute(table.update().where(this).values(lost))
    return bool(lost)


def _decoded(row: Row, types: Mapping[str, Any]) -> Row:
    """Return a row as it was stored: bytes are base64 in a file."""
    packed = {name for name, value in row.items() if value is not None and isinstance(types[name], sa.LargeBinary)}
    return dict(row) | {name: b64decode(row[name], validate=True) for name in packed}


def _words(problem: Exception) -> str:
    """Say why a row was refused, without any value of it."""
    if isinstance(problem, sa.exc.DBAPIError):
        return str(problem.orig)
    return str(problem) if isinstance(problem, ValueError) else type(problem).__name__

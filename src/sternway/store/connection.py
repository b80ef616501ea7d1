"""Connections to the database, and transactions on them.

There are two engines: one connection that writes, and a few that cannot (the database refuses), so that
readers never keep a writer waiting for a connection.

To build a statement costs more than to run it. Those that are asked often are built once, with parameters for
what differs; `functools.cache` keeps them.
"""

import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from sternway.store import dialect, driver, failures

Statement = sa.Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction as the queries see it: it answers with rows, and raises errors of the core."""

    connection: AsyncConnection

    async def rows(self, statement: Statement, **values: Any) -> Sequence[sa.Row[*tuple[Any, ...]]]:
        """Return all rows; the values are those of the statement's parameters."""
        with failures.translated():
            return (await self.connection.execute(statement, values)).all()

    async def row(self, statement: Statement, **values: Any) -> sa.Row[*tuple[Any, ...]] | None:
        """Return the first row, if there is one."""
        with failures.translated():
            return (await self.connection.execute(statement, values)).first()

    async def insert(self, table: sa.Table, values: Mapping[str, Any]) -> int:
        """Insert a row and return its key: the number that the database gave it, in tables that are numbered."""
        with failures.translated():
            result = await self.connection.execute(_insert(table), values)
        key = result.inserted_primary_key
        return key[0] if key else 0


@functools.cache
def _insert(table: sa.Table) -> sa.Insert:
    return table.insert()


@dataclass(frozen=True, slots=True)
class Connections:
    """What an open store has."""

    reader: AsyncEngine
    writer: AsyncEngine

    async def close(self) -> None:
        """Close all of them; the last one moves the write-ahead log into the database."""
        with failures.translated():
            await self.reader.dispose()
            await self.writer.dispose()


def connect(url: sa.URL, *, readers: int, wait_s: float) -> Connections:
    """Return engines that connect when first used; a wait for a lock or a connection ends after `wait_s`."""
    return Connections(
        reader=_engine(url, size=readers, wait_s=wait_s, may_write=False),
        writer=_engine(url, size=1, wait_s=wait_s, may_write=True),
    )


def _engine(url: sa.URL, *, size: int, wait_s: float, may_write: bool) -> AsyncEngine:
    options = dialect.engine_options(wait_s)
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        module=driver.module(),
        async_creator=functools.partial(
            driver.connect, str(url.database), may_write=may_write, **options.pop("connect_args")
        ),
        pool_size=size,
        max_overflow=0,
        pool_timeout=wait_s,
        **options,
    )
    dialect.speak_to(engine.sync_engine, may_write=may_write)
    return engine


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[Transaction]:
    """Begin a transaction; commit it at the end of the block, or roll it back if the block raises."""
    with failures.translated():
        async with engine.begin() as connection:
            yield Transaction(connection)

"""SQLite as the async dialect of SQLAlchemy wants a driver to be, without a change of threads for each call.

aiosqlite, which that dialect was written for, hands every call to a thread: four for each statement, and each
costs more than the statement. Here a statement runs where it is asked for: it takes microseconds and cannot
wait, since readers never wait for a writer, and a writer has the lock from its BEGIN on. What can wait runs in a
thread: of a connection that writes what finds the lock held by another process, and COMMIT (the disk); of any
connection its end (the last one moves the write-ahead log into the database).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self, TypeVar

from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_dbapi

PRIMARY = 0xFF
"""The part of an error's code that says its kind: https://sqlite.org/rescode.html#extrc"""

CLOSED = "no active connection"
"""What the dialect takes for a connection that is gone."""

DEFAULT_WAIT_S = 5.0

T = TypeVar("T")


class Connection:
    """One connection; the dialect uses it for one thing at a time.

    Cancelled during a call in the thread it raises once the call has ended, so that nobody else uses the
    connection meanwhile; a commit may then have happened.
    """

    def __init__(
        self, connection: sqlite3.Connection, thread: ThreadPoolExecutor, *, may_write: bool, wait_s: float
    ) -> None:
        self._connection: sqlite3.Connection | None = connection  # the dialect looks at it by this name
        self._thread = thread
        self._wait_s = wait_s
        self._may_write = may_write

    @property
    def sqlite(self) -> sqlite3.Connection:
        """Return the connection beneath; raises OperationalError once it is closed."""
        if self._connection is None:
            raise sqlite3.OperationalError(CLOSED)
        return self._connection

    @property
    def isolation_level(self) -> str | None:
        """Return how the driver begins transactions by itself: not at all."""
        return self.sqlite.isolation_level

    def cursor(self) -> "Cursor":
        """Return a cursor, to be entered."""
        return Cursor(self, self.sqlite.cursor())

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        """Make a function known to SQL."""
        self.sqlite.create_function(*arguments, **options)

    async def run(self, call: Callable[[], T]) -> T:
        """Make a call at once, or, if another process holds the lock that it needs, once that has let go."""
        try:
            return call()
        except sqlite3.OperationalError as exc:
            if not self._may_write or exc.sqlite_errorcode & PRIMARY != sqlite3.SQLITE_BUSY:
                raise
        return await self._in_thread(partial(self._patiently, call))

    def _patiently(self, call: Callable[[], T]) -> T:
        self.sqlite.execute(f"PRAGMA busy_timeout = {self._wait_s * 1000:.0f}")
        try:
            return call()
        finally:
            self.sqlite.execute("PRAGMA busy_timeout = 0")

    async def commit(self) -> None:
        """Commit what was written, which is on the disk then; what was only read ends at once."""
        if self._may_write and self.sqlite.in_transaction:
            await self._in_thread(self.sqlite.commit)
        else:
            self.sqlite.commit()

    async def rollback(self) -> None:
        """Forget what was written since the begin; that touches memory only."""
        self.sqlite.rollback()

    async def close(self) -> None:
        """Close it; called twice it does nothing more."""
        if self._connection is not None:
            await self._in_thread(self._connection.close)
        self.stop()

    def stop(self) -> None:
        """Close it here and now, for want of a loop to wait in."""
        closing, self._connection = self._connection, None
        if closing is not None:
            closing.close()
        self._thread.shutdown(wait=False)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await _whole(asyncio.get_running_loop().run_in_executor(self._thread, call))


class Cursor:
    """One statement and its result."""

    def __init__(self, connection: Connection, cursor: sqlite3.Cursor) -> None:
        self._connection = connection
        self._cursor = cursor

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        """Return the columns of the result; None if there are none."""
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        """Return how many rows were changed."""
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        """Return the number of the row that was inserted."""
        return self._cursor.lastrowid

    @property
    def arraysize(self) -> int:
        """Return how many rows are fetched at once."""
        return self._cursor.arraysize

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        """Run a statement."""
        await self._connection.run(partial(self._cursor.execute, statement, parameters))
        return self

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> Self:
        """Run a statement for each set of parameters."""
        await self._connection.run(partial(self._cursor.executemany, statement, parameters))
        return self

    async def fetchall(self) -> list[Any]:
        """Return what is left of the result."""
        return self._cursor.fetchall()

    async def close(self) -> None:
        """Let go of the result."""
        self._cursor.close()


async def _whole(call: asyncio.Future[T]) -> T:
    """Wait for a call to its end even when cancelled meanwhile: threads cannot be stopped half-way."""
    cancelled: asyncio.CancelledError | None = None
    while not call.done():
        try:
            await asyncio.wait({call})
        except asyncio.CancelledError as exc:
            cancelled = exc
    if cancelled:
        raise cancelled
    return call.result()


async def connect(database: str, *, may_write: bool, **options: Any) -> Connection:
    """Open a database; `options` are those of `sqlite3.connect`."""
    wait_s = options.pop("timeout", DEFAULT_WAIT_S)
    thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")  # it starts with its first call
    opened = sqlite3.connect(database, check_same_thread=False, timeout=0, **options)
    return Connection(opened, thread, may_write=may_write, wait_s=wait_s)


def module() -> AsyncAdapt_aiosqlite_dbapi:
    """Return what the dialect is to take for its driver, so that it does not import aiosqlite."""
    known = AsyncAdapt_aiosqlite_dbapi(sqlite3, sqlite3)
    known.has_stop = True
    return known

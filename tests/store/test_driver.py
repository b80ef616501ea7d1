import asyncio
import sqlite3
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from sternway.core import errors
from sternway.store import connection, dialect, driver
from sternway.store.ledger import SqlStore
from tests.store.samples import AT

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
async def writer(database):
    opened = await driver.connect(str(database), may_write=True, isolation_level=None)
    await executed(opened, "PRAGMA journal_mode = WAL")
    await executed(opened, "CREATE TABLE t (n INTEGER PRIMARY KEY)")
    yield opened
    await opened.close()


async def executed(opened, statement, parameters=()):
    cursor = await opened.cursor().__aenter__()
    try:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()
    finally:
        await cursor.close()


async def numbers(database):
    reader = await driver.connect(str(database), may_write=False, isolation_level=None)
    try:
        return [number for (number,) in await executed(reader, "SELECT n FROM t ORDER BY n")]
    finally:
        await reader.close()


@pytest.fixture
def commit(monkeypatch):
    """Each commit of SQLite says that it has begun, and goes on when it may."""
    gate = Gate()

    class Slow(sqlite3.Connection):
        def commit(self):
            gate.has_begun.set()
            assert gate.may_go_on.wait(10)
            super().commit()

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=Slow, **kwargs))
    return gate


class Gate:
    def __init__(self):
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()
        self.may_go_on.set()

    def shut(self):
        self.may_go_on.clear()
        self.has_begun.clear()

    async def is_reached(self):
        return await asyncio.to_thread(self.has_begun.wait, 10)


async def test_what_is_committed_is_there_and_what_is_rolled_back_is_not(writer, database):
    await executed(writer, "BEGIN IMMEDIATE")
    await executed(writer, "INSERT INTO t VALUES (?)", (1,))
    await writer.commit()
    await executed(writer, "BEGIN IMMEDIATE")
    await executed(writer, "INSERT INTO t VALUES (?)", (2,))
    await writer.rollback()
    assert await numbers(database) == [1]


async def test_a_cursor_tells_what_sqlite_says(writer):
    cursor = await writer.cursor().__aenter__()
    await cursor.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    assert (cursor.rowcount, cursor.description) == (2, None)
    await cursor.execute("INSERT INTO t VALUES (7)")
    assert cursor.lastrowid == 7
    await cursor.execute("SELECT n FROM t WHERE n > 1")
    assert [column[0] for column in cursor.description] == ["n"]
    assert cursor.arraysize == 1
    assert await cursor.fetchall() == [(2,), (7,)]
    await cursor.close()


async def test_reading_starts_no_thread(writer, database):
    before = threading.active_count()
    reader = await driver.connect(str(database), may_write=False, isolation_level=None)
    await executed(reader, "BEGIN")
    assert await executed(reader, "SELECT n FROM t") == []
    await reader.commit()
    assert threading.active_count() == before
    await reader.close()


async def test_a_closed_connection_is_said_to_be_closed_and_closing_again_does_nothing(writer):
    await writer.close()
    await writer.close()
    writer.stop()
    for use in (lambda: writer.sqlite, writer.cursor, lambda: writer.isolation_level):
        with pytest.raises(sqlite3.OperationalError, match=driver.CLOSED):
            use()


async def test_a_connection_that_is_stopped_lets_go_of_the_lock(writer, database):
    await executed(writer, "BEGIN IMMEDIATE")
    writer.stop()
    other = sqlite3.connect(database, timeout=0, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.close()


async def test_another_process_that_holds_the_lock_does_not_block_the_loop(writer, database):
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(database), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    async with asyncio.timeout(10):
        assert await holder.stdout.readline() == b"held\n"
        waiting = asyncio.create_task(executed(writer, "BEGIN IMMEDIATE"))
        for _ in range(100):
            await asyncio.sleep(0)
        assert await numbers(database) == []
        assert not waiting.done()
        holder.stdin.close()
        await waiting
        await holder.wait()
    assert writer.sqlite.in_transaction


async def test_cancelled_while_it_commits_it_ends_the_commit_first(commit, database):
    writer = await driver.connect(str(database), may_write=True, isolation_level=None)
    await executed(writer, "PRAGMA journal_mode = WAL")
    await executed(writer, "CREATE TABLE t (n INTEGER PRIMARY KEY)")
    await executed(writer, "BEGIN IMMEDIATE")
    await executed(writer, "INSERT INTO t VALUES (1)")
    commit.shut()
    committing = asyncio.create_task(writer.commit())
    assert await commit.is_reached()
    for _ in range(2):  # a second cancellation is as patient as the first
        committing.cancel()
        await asyncio.sleep(0)
    assert not committing.done()
    commit.may_go_on.set()
    await asyncio.wait({committing}, timeout=10)
    assert committing.cancelled()
    assert not writer.sqlite.in_transaction
    await writer.close()
    assert await numbers(database) == [1]


async def test_a_write_that_is_cancelled_while_it_commits_leaves_a_store_that_works(commit, database, secrets):
    store = SqlStore(database, secrets)
    async with store.run():
        commit.shut()
        writing = asyncio.create_task(_take_lease(store))
        assert await commit.is_reached()
        writing.cancel()
        commit.may_go_on.set()
        await asyncio.wait({writing}, timeout=10)
        assert writing.cancelled()
        async with store.read() as ledger:
            taken = await ledger.leases.current()
        async with store.write() as ledger:
            assert await ledger.leases.take("me", AT) == taken + 1


async def _take_lease(store):
    async with store.write() as ledger:
        await ledger.leases.take("me", AT)


async def test_a_write_that_is_cancelled_while_it_waits_for_the_lock_leaves_none_behind(database, secrets):
    store = SqlStore(database, secrets, wait_s=10)
    async with store.run():
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(_take_lease(store))
        for _ in range(20):
            await asyncio.sleep(0)
        waiting.cancel()
        other.execute("ROLLBACK")
        await asyncio.wait({waiting}, timeout=10)
        assert waiting.cancelled()
        other.execute("BEGIN IMMEDIATE")
        other.close()
        async with store.write() as ledger:
            assert await ledger.leases.take("me", AT) == 1


async def test_errors_of_sqlite_come_as_those_of_sqlalchemy(database):
    connections = connection.connect(dialect.url_of(database), readers=1, wait_s=1)
    async with connections.writer.connect() as opened:
        with pytest.raises(sa.exc.OperationalError, match="no such table"):
            await opened.execute(sa.text("SELECT * FROM nowhere"))
    await connections.close()


async def test_a_connection_lost_between_two_uses_is_unavailable_and_then_made_anew(store):
    async with store.write() as ledger:
        await ledger.leases.take("me", AT)
    await _lose(store)
    with pytest.raises(errors.StoreUnavailable, match=driver.CLOSED):
        await _take_lease(store)
    async with store.write() as ledger:
        assert await ledger.leases.take("me", AT) == 2


async def _lose(store):
    async with store._open().writer.connect() as opened:
        (await opened.get_raw_connection()).driver_connection.stop()


def test_the_library_that_the_dialect_was_written_for_is_not_imported():
    code = "import sys; from sternway.store import connection, dialect; from sternway.store.dialect import url_of\n"
    code += "connection.connect(url_of('/x'), readers=1, wait_s=1); print('aiosqlite' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"

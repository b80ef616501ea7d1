import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from sternway.core import errors
from sternway.store import connection, dialect, schema, tables
from tests.store import samples
from tests.store.samples import AT, made

TABLES = sorted(tables.metadata.tables)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a row in every table; keys are not checked, so one value fits all columns."""
    database = tmp_path_factory.mktemp("filled") / "sternway.db"
    schema.upgrade(dialect.url_of(database))
    raw = sqlite3.connect(database)
    with raw:
        for table in tables.metadata.tables.values():
            raw.execute(f"INSERT INTO {table.name} VALUES ({', '.join('1' for _ in table.columns)})")
    raw.close()
    return database


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}"])
def test_the_database_refuses_to_change_or_remove_rows(filled, table, statement):
    column = tables.metadata.tables[table].columns.keys()[0]
    raw = sqlite3.connect(filled)
    with pytest.raises(sqlite3.IntegrityError, match=f"^{table} is insert-only$"):
        raw.execute(statement.format(table=table, column=column))
    assert raw.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
    raw.close()


async def test_a_row_cannot_be_replaced_either(store):
    opened = store._open()
    async with connection.transaction(opened.writer) as transaction:
        await transaction.insert(tables.leases, {"holder": "one", "at": AT})
    with pytest.raises(errors.Conflict, match="leases is insert-only"):
        async with connection.transaction(opened.writer) as transaction:
            await transaction.connection.exec_driver_sql("INSERT OR REPLACE INTO leases VALUES (1, 'two', 0)")


async def test_a_transaction_that_reads_cannot_write(store):
    async with store.read() as ledger:
        with pytest.raises(errors.StoreUnavailable, match="readonly"):
            await ledger.apps.add("web", made())


async def test_commits_are_made_durable_in_a_write_ahead_log(store):
    opened = store._open()
    async with connection.transaction(opened.writer) as transaction:
        pragmas = {
            name: (await transaction.connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def test_only_its_owner_can_read_the_files_of_a_store(store, database):
    async with store.write() as ledger:
        await samples.added_release(ledger, await ledger.apps.add("web", made()))
    files = list(database.parent.glob(f"{database.name}*"))
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize("location", ["/a/b.db", Path("/a/b.db"), "sqlite:////a/b.db", "sqlite+aiosqlite:////a/b.db"])
def test_a_location_is_a_path_or_an_address(location):
    assert dialect.url_of(location) == sa.make_url("sqlite:////a/b.db")


@pytest.mark.parametrize("location", ["postgresql://host/name", "sqlite://"])
def test_other_databases_are_refused(location):
    with pytest.raises(errors.InvalidInput, match="not supported"):
        dialect.url_of(location)

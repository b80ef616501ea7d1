import sqlite3

import pytest
from sqlalchemy import event

from sternway.core import errors
from sternway.store import failures
from sternway.store.ledger import SqlStore
from tests.store import samples
from tests.store.samples import AT, made


async def open_and_write(store):
    async with store.run(), store.write() as ledger:
        await ledger.leases.take("me", AT)


async def test_a_file_that_is_no_database_is_unavailable(database, secrets):
    database.write_bytes(b"anything else" * 1000)
    with pytest.raises(errors.StoreUnavailable, match="not a database") as caught:
        await open_and_write(SqlStore(database, secrets))
    assert "backup" in caught.value.hint


async def test_a_directory_that_is_not_there_is_unavailable(tmp_path, secrets):
    with pytest.raises(errors.StoreUnavailable, match="cannot open"):
        await open_and_write(SqlStore(tmp_path / "nowhere" / "sternway.db", secrets))


async def test_another_program_that_holds_the_lock_makes_it_unavailable(database, secrets):
    store = SqlStore(database, secrets, wait_s=0.02)
    async with store.run():
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(errors.StoreUnavailable, match="locked") as caught:
            async with store.write():
                pytest.fail("two writers at once")
        other.close()
        assert caught.value.hint
        async with store.write() as ledger:
            assert await ledger.leases.take("me", AT) == 1


async def test_a_full_disk_is_unavailable_and_what_was_there_stays(store):
    async with store.write() as ledger:
        app = await ledger.apps.add("web", made())
        await samples.added_release(ledger, app)
    event.listen(store._open().writer.sync_engine, "begin", _leave_no_room)
    with pytest.raises(errors.StoreUnavailable, match="full") as caught:
        async with store.write() as ledger:
            await samples.added_release(ledger, app, manifest="x" * 1_000_000)
    assert "free space" in caught.value.hint
    async with store.read() as ledger:
        assert len(await ledger.releases.list(app, 10)) == 1


def _leave_no_room(connection):
    connection.exec_driver_sql("PRAGMA max_page_count = 1")


async def test_errors_do_not_tell_what_was_to_be_stored(ledger, app):
    release = samples.release(app, manifest="not for logs")
    await ledger.releases.add(release)
    with pytest.raises(errors.Conflict) as caught:
        await ledger.releases.add(release)
    assert "not for logs" not in f"{caught.value} {caught.value.__cause__}"


def test_a_reason_without_advice_has_no_hint():
    assert failures.unavailable("out of luck").hint == ""

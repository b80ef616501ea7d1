"""Rows that a way back had exported come in again with the schema that can hold them: once, and never over others."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sternway import ports
from sternway.bootstrap import maintenance
from sternway.core.app import Made
from sternway.core.event import RACK_CHAIN
from sternway.core.registry import Login
from sternway.home import Home
from sternway.secrets import KeyFile
from sternway.store.ledger import SqlStore
from tests.rack import rack_under_test

MADE = Made(datetime(2026, 1, 1, tzinfo=UTC), "ann", "")
SERVERS = ("one.example", "two.example")
TABLE = "registry_logins"


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    """The data of a rack that went down to 0001, and left two rows in a file."""
    home = Home(tmp_path / "rack")
    home.store.parent.mkdir(parents=True)
    store = SqlStore(home.store, KeyFile(home.store.with_name("keys") / "rack.key"))
    async with store.run(), store.write() as ledger:
        for server in SERVERS:
            await ledger.logins.add(Login(server, "ann", "secret"), MADE)
    maintenance.downgrade(home, "0001", exported(home))
    return home


def exported(home: Home) -> Path:
    return home.root / "exports" / "u1.json"


def told(home: Home) -> dict[str, Any]:
    return dict(json.loads((home.root / "exports" / "u1.json.brought-in").read_text()))


def edit(home: Home, **values: Any) -> None:
    """Change the first row of the file."""
    found = json.loads(exported(home).read_text())
    found[TABLE][0].update(values)
    exported(home).write_text(json.dumps(found))


@asynccontextmanager
async def started(home: Home) -> AsyncIterator[ports.Store]:
    """Start the newest version as far as bringing in what was exported."""
    async with rack_under_test(home.store.parent, reconcile=False) as under:
        await maintenance.bring_in(under.rack, exported(home).parent)
        yield under.rack.store


async def logins(store: ports.Store) -> list[Login]:
    async with store.read() as ledger:
        return list(await ledger.logins.list())


async def imports(store: ports.Store) -> int:
    async with store.read() as ledger:
        return len([each for each in await ledger.events.list(RACK_CHAIN, 100) if b"rack:import" in each.body])


async def test_exported_rows_are_there_again_with_their_secrets(home: Home):
    async with started(home) as store:
        assert [(each.server, each.password) for each in await logins(store)] == [(each, "secret") for each in SERVERS]
    assert told(home) == {TABLE: {"brought": 2, "there": 0, "refused": []}}
    assert exported(home).exists()


async def test_they_come_in_once_however_often_the_rack_starts(home: Home):
    for _ in range(3):
        async with started(home) as store:
            assert len(await logins(store)) == 2
            assert await imports(store) == 1


async def test_what_was_removed_since_does_not_come_back(home: Home):
    async with started(home) as store, store.write() as ledger:
        await ledger.logins.remove(SERVERS[0], MADE)
    async with started(home) as store:
        assert [each.server for each in await logins(store)] == [SERVERS[1]]


async def test_a_snapshot_that_is_put_back_has_them_brought_in_again(home: Home):
    snapshot = home.root / "snapshot.db"
    shutil.copy(home.store, snapshot)
    async with started(home):
        pass
    shutil.copy(snapshot, home.store)
    async with started(home) as store:
        assert len(await logins(store)) == 2


async def test_rows_that_are_there_all_the_same_are_not_doubled(home: Home):
    async with started(home):
        pass
    shutil.copy(exported(home), exported(home).with_name("u2.json"))
    async with started(home) as store:
        assert len(await logins(store)) == 2
    assert json.loads((home.root / "exports/u2.json.brought-in").read_text())[TABLE]["there"] == 2


async def test_a_row_that_is_there_as_another_is_never_written_over(home: Home):
    async with started(home):
        pass
    edit(home, username="somebody else")
    async with started(home) as store:
        assert [each.username for each in await logins(store)] == ["ann", "ann"]
    [refusal] = told(home)[TABLE]["refused"]
    assert (refusal["row"], "differs in username" in refusal["why"]) == (0, True)


async def test_rows_that_the_schema_refuses_are_told_without_values_and_the_others_come_in(home: Home):
    edit(home, username=None, server="a-secret-name")
    async with started(home) as store:
        assert [each.server for each in await logins(store)] == [SERVERS[1]]
    assert told(home)[TABLE]["brought"] == 1
    assert "NOT NULL" in told(home)[TABLE]["refused"][0]["why"]
    assert "a-secret-name" not in (home.root / "exports" / "u1.json.brought-in").read_text()


async def test_what_the_schema_cannot_hold_waits(home: Home):
    edit(home)
    found = json.loads(exported(home).read_text())
    exported(home).write_text(json.dumps(found | {"later": [{"id": 1}]}))
    async with started(home) as store:
        assert len(await logins(store)) == 2
    assert list(told(home)) == [TABLE]


@pytest.mark.parametrize("text", ["", "[]", '{"apps": 1}', '{"apps": [1]}'])
async def test_a_damaged_file_keeps_no_rack_from_its_start(home: Home, text: str):
    exported(home).write_text(text)
    async with started(home) as store:
        assert await logins(store) == []


async def test_a_column_gets_back_what_it_had(home: Home):
    """A row that stayed without it is the same row, and protected as before."""
    exported(home).unlink()
    async with started(home) as store, store.write() as ledger:
        await ledger.apps.add("web", MADE)
        [row] = await rows_of(ledger, "apps")
        await execute(ledger, "ALTER TABLE apps ADD COLUMN colour TEXT")
        brought = await ledger.exports.bring_in("apps", [row | {"colour": "blue"}])
        again = await ledger.exports.bring_in("apps", [row | {"colour": "blue"}])
        assert (brought.brought, again.there) == (1, 1)
        assert [each["colour"] for each in await rows_of(ledger, "apps")] == ["blue"]
        with pytest.raises(Exception, match="insert-only"):
            await execute(ledger, "UPDATE apps SET colour = 'red'")


async def execute(ledger: Any, statement: str) -> Any:
    return await ledger.exports.transaction.connection.exec_driver_sql(statement)


async def rows_of(ledger: Any, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in (await execute(ledger, f"SELECT * FROM {table}")).mappings()]

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from sternway import ports
from sternway.core import errors
from sternway.core.registry import Login
from sternway.store import dialect, schema, tables
from sternway.store.ledger import SqlStore
from tests.store import samples
from tests.store.samples import made


@pytest.fixture
def url(database: Path) -> sa.URL:
    return dialect.url_of(database)


def names(database: Path) -> set[str]:
    connection = sqlite3.connect(database)
    found = connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    connection.close()
    return {name for (name,) in found}


def test_migrations_go_up_and_down_and_up_again(url, database):
    schema.upgrade(url)
    upgraded = names(database)
    assert upgraded > set(tables.metadata.tables)
    schema.downgrade(url, schema.EMPTY)
    assert names(database) == {"alembic_version"}
    schema.upgrade(url)
    assert names(database) == upgraded


async def test_migrations_go_down_over_rows(url, database, secrets):
    store = SqlStore(database, secrets)
    async with store.run(), store.write() as ledger:
        app = await ledger.apps.add("web", made())
        await ledger.apps.delete(app, made())
        await _filled(ledger)
    await asyncio.to_thread(schema.downgrade, url, schema.EMPTY)
    assert names(database) == {"alembic_version"}


async def test_registries_go_down_over_rows_and_leave_the_rest(url, database, secrets):
    store = SqlStore(database, secrets)
    async with store.run(), store.write() as ledger:
        await ledger.apps.add("web", made())
        await _filled(ledger)
    await asyncio.to_thread(schema.downgrade, url, "0001")
    assert not {"rack_parameters", "registry_logins"} & names(database)
    async with store.run(), store.read() as ledger:
        assert [app.name for app in await ledger.apps.list()] == ["web"]
        assert (await ledger.logins.list(), await ledger.parameters.get()) == ([], {})


async def test_a_restored_app_goes_down_as_the_deleted_one_that_it_was(url, database, secrets):
    store = SqlStore(database, secrets)
    async with store.run(), store.write() as ledger:
        await _restored(ledger)
        assert [app.name for app in await ledger.apps.list()] == ["back"]
    await asyncio.to_thread(schema.downgrade, url, "0002")
    assert "app_standings" not in names(database)
    async with store.run(), store.read() as ledger:
        assert await ledger.apps.list() == []
        assert (await ledger.apps.last_deleted("back")).app.name == "back"


async def _restored(ledger: ports.Ledger) -> None:
    app = await ledger.apps.add("back", made())
    await ledger.apps.delete(app, made())
    await ledger.apps.record_dismantled(app, made())
    await ledger.apps.begin_restoring(app, made())
    await ledger.apps.restore(app, made())


async def test_access_goes_down_over_rows_and_leaves_the_rest(url, database, secrets):
    store = SqlStore(database, secrets)
    async with store.run(), store.write() as ledger:
        await _filled(ledger)
    await asyncio.to_thread(schema.downgrade, url, "0003")
    assert not {"users", "deploy_tokens", "sign_ins", "signing_keys"} & names(database)
    async with store.run(), store.read() as ledger:
        assert (await ledger.users.list(), await ledger.tokens.list()) == ([], [])
        assert await ledger.parameters.get() == {"registry": "registry.example"}


async def test_deployments_go_down_over_rows_and_leave_the_builds(url, database, secrets):
    store = SqlStore(database, secrets)
    async with store.run(), store.write() as ledger:
        app = await ledger.apps.add("web", made())
        build = samples.build(app)
        await ledger.builds.add(build)
        await ledger.deployments.add(build.id, made())
    await asyncio.to_thread(schema.downgrade, url, "0005")
    assert "deployments" not in names(database)
    async with store.run(), store.read() as ledger:
        assert (await ledger.builds.list(app, 10), await ledger.deployments.find(build.id)) == ([build], None)


async def _filled(ledger: ports.Ledger) -> None:
    """Fill what later revisions than the first brought."""
    await ledger.parameters.set({"registry": "registry.example"}, made())
    await ledger.logins.add(Login("registry.example", "ada", "secret"), made())
    await ledger.logins.remove("registry.example", made())
    await _restored(ledger)
    await ledger.users.record(samples.user())
    await ledger.tokens.add(samples.token())
    await ledger.tokens.set_signing_key(b"key", made())
    await ledger.sign_ins.begin(samples.sign_in(), made())


def test_migrations_make_the_tables_that_the_queries_know(url):
    schema.upgrade(url)
    with schema.begin(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []


def test_migrating_twice_does_nothing_more(url, database):
    schema.upgrade(url)
    before = names(database)
    schema.upgrade(url)
    assert names(database) == before


def test_a_directory_with_a_percent_sign_is_no_trouble(tmp_path):
    directory = tmp_path / "100%d"
    directory.mkdir()
    schema.upgrade(dialect.url_of(directory / "a%b.db"))
    assert "apps" in names(directory / "a%b.db")


async def test_stores_that_start_at_once_agree(database, secrets):
    async def start():
        async with SqlStore(database, secrets).run():
            pass

    await asyncio.gather(*(start() for _ in range(3)))
    assert "apps" in names(database)


async def test_a_schema_that_is_newer_than_this_version_is_refused_and_left_alone(url, database, secrets):
    schema.upgrade(url)
    connection = sqlite3.connect(database)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(errors.StoreUnavailable, match="not one that this version knows") as caught:
        async with SqlStore(database, secrets).run():
            pass
    assert "newer" in caught.value.hint
    assert "apps" in names(database)


def test_a_migration_that_fails_leaves_nothing_half_done(url, database, monkeypatch):
    monkeypatch.setattr(dialect, "insert_only", lambda table: ["NO SUCH STATEMENT"])
    with pytest.raises(errors.StoreUnavailable):
        schema.upgrade(url)
    assert names(database) == set()


def test_the_newest_revision_is_the_head_of_the_migrations(url):
    scripts = ScriptDirectory(str(Path(schema.__file__).with_name("migrations")))
    assert scripts.get_current_head() == schema.NEWEST


def test_a_database_that_is_up_to_date_costs_no_alembic(url, database):
    schema.upgrade(url)
    code = f"""
import sys
from sternway.store import dialect, schema
schema.upgrade(dialect.url_of({str(database)!r}))
assert "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)

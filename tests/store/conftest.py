import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sternway import ports
from sternway.core.app import App
from sternway.secrets import KeyFile
from sternway.store import dialect, schema
from sternway.store.ledger import SqlStore
from tests.store import samples


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "sternway.db"


@pytest.fixture
def secrets(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "key")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with its schema, to be copied: that is quicker than to migrate for each test."""
    database = tmp_path_factory.mktemp("migrated") / "sternway.db"
    schema.upgrade(dialect.url_of(database))
    return database


@pytest.fixture
async def store(migrated: Path, database: Path, secrets: KeyFile) -> AsyncIterator[SqlStore]:
    shutil.copy(migrated, database)
    store = SqlStore(database, secrets)
    async with store.run():
        yield store


@pytest.fixture
async def ledger(store: SqlStore) -> AsyncIterator[ports.Ledger]:
    """A ledger in one transaction that may write, for tests that need no second one."""
    async with store.write() as ledger:
        yield ledger


@pytest.fixture
async def app(ledger: ports.Ledger) -> App:
    return await ledger.apps.add("web", samples.made())

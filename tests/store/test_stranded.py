"""What an older schema cannot hold, found in a store of the newest one."""

from types import ModuleType

import pytest
import sqlalchemy as sa

from sternway.core import errors
from sternway.core.registry import Login
from sternway.store import dialect, schema, stranded
from tests.store import samples

SECRET = "a-password-nobody-may-see"


@pytest.fixture
def url(store, database) -> sa.URL:
    return dialect.url_of(database)


@pytest.fixture
async def login(store) -> None:
    async with store.write() as ledger:
        await ledger.logins.add(Login("registry.example", "ann", SECRET), samples.made())


@pytest.fixture
def column(monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration after the newest, which brought a column to the table of apps."""
    brought = ModuleType("9998_column")
    brought.COLUMNS = {"apps": ("name",)}  # type: ignore[attr-defined]
    monkeypatch.setattr(stranded, "_later_than", lambda revision: [brought])


def test_a_store_without_such_rows_goes_down_to_anything(url):
    assert stranded.rows(url, "0001") == {}


def test_rows_of_a_table_that_is_not_known_there_are_stranded(url, login):
    assert stranded.counts(url, "0001") == {"registry_logins": 1}


def test_what_the_revision_knows_is_not(url, login):
    assert stranded.rows(url, schema.NEWEST) == {}


async def test_rows_with_something_in_a_column_that_is_not_known_there_are_stranded(column, store, url):
    assert stranded.counts(url, "0001") == {}
    async with store.write() as ledger:
        await ledger.apps.add("web", samples.made())
    assert stranded.counts(url, "0001") == {"apps": 1}


def test_a_store_that_is_down_already_has_none(url):
    schema.downgrade(url, "0001")
    assert stranded.rows(url, "0001") == {}


def test_a_revision_that_nobody_knows_is_refused(url):
    with pytest.raises(errors.InvalidInput, match="'0815'"):
        stranded.rows(url, "0815")


def test_the_message_names_tables_and_no_value(url, login):
    words = stranded.words(stranded.rows(url, "0001"))
    assert words == "the older version cannot hold some rows: 1 of registry_logins"
    assert SECRET not in words


def test_every_migration_after_the_first_says_what_it_brought():
    """Without it, its rows would go without a word when a rack goes back."""
    later = stranded._later_than("0001")
    assert later[-1].__name__.rpartition(".")[2].startswith(schema.NEWEST)
    assert all(hasattr(module, "TABLES") or hasattr(module, "COLUMNS") for module in later)

import pytest

from sternway.core import errors
from sternway.core.registry import Login
from sternway.secrets import KeyFile
from sternway.store.ledger import SqlStore
from tests.store.samples import made

SECRET = "correct-horse-battery-staple"
LOGIN = Login("registry.example", "ada", SECRET)


async def test_a_login_reads_back_as_it_was_added(ledger):
    await ledger.logins.add(Login("z.example:5000", "zoë", "pässword"), made())
    await ledger.logins.add(Login("a.example", "ada", "x"), made())
    assert await ledger.logins.list() == [Login("a.example", "ada", "x"), Login("z.example:5000", "zoë", "pässword")]


async def test_a_second_login_takes_the_place_of_the_first(ledger):
    await ledger.logins.add(LOGIN, made())
    await ledger.logins.add(Login("registry.example", "bob", "new"), made())
    assert await ledger.logins.list() == [Login("registry.example", "bob", "new")]


async def test_a_login_that_is_removed_is_gone_until_it_is_added_again(ledger):
    await ledger.logins.add(LOGIN, made())
    await ledger.logins.remove("registry.example", made())
    assert await ledger.logins.list() == []
    await ledger.logins.add(LOGIN, made())
    assert await ledger.logins.list() == [LOGIN]


async def test_only_what_is_there_can_be_removed(ledger):
    await ledger.logins.add(LOGIN, made())
    await ledger.logins.remove("registry.example", made())
    for server in ("registry.example", "other.example"):
        with pytest.raises(errors.NotFound, match=f"^registry not found: {server}$"):
            await ledger.logins.remove(server, made())


async def test_no_file_of_the_store_holds_a_password(store, database):
    async with store.write() as ledger:
        await ledger.logins.add(LOGIN, made())
    files = {file.name: file.read_bytes() for file in database.parent.glob(f"{database.name}*")}
    assert len(files) > 1
    for name, content in files.items():
        assert SECRET.encode() not in content, name
    assert any(b"registry.example" in content for content in files.values())


async def test_another_key_opens_no_password(store, database, tmp_path):
    async with store.write() as ledger:
        await ledger.logins.add(LOGIN, made())
    other = SqlStore(database, KeyFile(tmp_path / "other-key"))
    async with other.run(), other.read() as ledger:
        with pytest.raises(errors.Corrupt):
            await ledger.logins.list()

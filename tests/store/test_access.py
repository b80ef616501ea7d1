from dataclasses import replace

import pytest

from sternway.core import errors
from sternway.secrets import KeyFile
from sternway.store.ledger import SqlStore
from tests.store import samples
from tests.store.samples import later, made


async def test_user_reads_back_as_recorded_and_the_newest_record_counts(ledger):
    ada = samples.user(password="$argon2id$", invitation="hash", invited_until=later(5))
    await ledger.users.record(samples.user("bob"))
    await ledger.users.record(samples.user())
    await ledger.users.record(ada)
    assert await ledger.users.list() == [ada, samples.user("bob")]
    assert await ledger.users.find("ada") == ada
    assert await ledger.users.find("eve") is None


async def test_user_who_may_do_something_with_all_apps_is_not_one_with_none(ledger):
    for apps in (None, frozenset({"shop"})):
        user = replace(samples.user(), grant=replace(samples.user().grant, apps=apps))
        await ledger.users.record(user)
        assert await ledger.users.find("ada") == user


async def test_user_who_was_removed_is_gone_until_recorded_again(ledger):
    await ledger.users.record(samples.user())
    await ledger.users.remove(samples.user(), made())
    assert (await ledger.users.list(), await ledger.users.find("ada")) == ([], None)
    await ledger.users.record(samples.user())
    assert await ledger.users.find("ada") == samples.user()


async def test_token_reads_back_until_it_is_revoked(ledger):
    ci = samples.token(secret="hash", expires_at=later(9))
    cd = samples.token("ba9876543210", "cd")
    for token in (ci, cd):
        await ledger.tokens.add(token)
    assert await ledger.tokens.list() == [cd, ci]
    await ledger.tokens.revoke(ci, made())
    assert await ledger.tokens.list() == [cd]
    assert (await ledger.tokens.find(ci.id), await ledger.tokens.find(cd.id)) == (None, cd)


async def test_browser_is_found_until_it_or_all_of_its_user_are_signed_out(ledger):
    for secret in ("one", "two"):
        await ledger.sign_ins.begin(samples.sign_in(secret), made())
    await ledger.sign_ins.begin(samples.sign_in("other", "bob"), made())
    await ledger.sign_ins.end(samples.sign_in("one"), made())
    assert await ledger.sign_ins.find("one") is None
    assert await ledger.sign_ins.find("two") == samples.sign_in("two")
    await ledger.sign_ins.end_all("ada", made())
    assert await ledger.sign_ins.find("two") is None
    await ledger.sign_ins.begin(samples.sign_in("three"), made())
    assert await ledger.sign_ins.find("three") == samples.sign_in("three")
    assert await ledger.sign_ins.find("other") == samples.sign_in("other", "bob")
    assert await ledger.sign_ins.find("") is None


async def test_newest_signing_key_counts_and_is_sealed(store, database, tmp_path):
    async with store.write() as ledger:
        assert await ledger.tokens.signing_key() is None
        for key in (b"the first of the keys", b"the second of the keys"):
            await ledger.tokens.set_signing_key(key, made())
        assert await ledger.tokens.signing_key() == b"the second of the keys"
    assert b"of the keys" not in b"".join(file.read_bytes() for file in database.parent.glob(f"{database.name}*"))
    other = SqlStore(database, KeyFile(tmp_path / "other-key"))
    async with other.run(), other.read() as ledger:
        with pytest.raises(errors.Corrupt):
            await ledger.tokens.signing_key()

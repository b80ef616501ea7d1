import asyncio
from dataclasses import replace

import pytest

from sternway.core import errors
from sternway.core.app import Settings
from tests.store.samples import made

LOCKED = Settings(locked=True, parameters={"Test": "Yes", "Other": "ü"}, scale={"web": 3})


async def test_an_app_reads_back_as_it_was_added(ledger):
    app = await ledger.apps.add("web", made(by="ada", reason="first"))
    assert app == await ledger.apps.get("web")
    assert (app.made, app.settings, app.is_deleted) == (made(by="ada", reason="first"), Settings(), False)


async def test_a_name_is_taken_while_its_app_is_there(ledger):
    await ledger.apps.add("web", made())
    with pytest.raises(errors.Conflict, match=r"^app already exists: web$"):
        await ledger.apps.add("web", made())


async def test_of_two_that_add_a_name_at_once_one_gets_it(store):
    async def add():
        async with store.write() as ledger:
            return await ledger.apps.add("web", made())

    results = await asyncio.gather(*(add() for _ in range(5)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["App", *["Conflict"] * 4]


async def test_a_name_may_be_used_again_after_a_deletion_and_an_id_never(ledger):
    first = await ledger.apps.add("web", made())
    await ledger.apps.delete(first, made())
    second = await ledger.apps.add("web", made())
    assert second.id > first.id
    assert await ledger.apps.get("web") == second


async def test_an_unknown_name_is_not_found(ledger):
    with pytest.raises(errors.NotFound, match=r"^app not found: web$"):
        await ledger.apps.get("web")


async def test_a_deleted_app_is_not_found(ledger, app):
    await ledger.apps.delete(app, made())
    with pytest.raises(errors.NotFound, match=r"^app not found: web$"):
        await ledger.apps.get("web")


async def test_apps_are_listed_by_name_without_deleted_ones(ledger):
    for name in ("b", "c", "a"):
        await ledger.apps.add(name, made())
    await ledger.apps.delete(await ledger.apps.get("b"), made())
    assert [app.name for app in await ledger.apps.list()] == ["a", "c"]


async def test_a_deleted_app_is_listed_until_it_is_dismantled(ledger, app):
    assert await ledger.apps.list_deleted() == []
    await ledger.apps.delete(app, made())
    assert await ledger.apps.list_deleted() == [replace(app, is_deleted=True)]
    await ledger.apps.record_dismantled(app, made())
    assert await ledger.apps.list_deleted() == []


async def test_deleting_and_dismantling_twice_do_nothing_more(ledger, app):
    for _ in range(2):
        await ledger.apps.delete(app, made())
    for _ in range(2):
        await ledger.apps.record_dismantled(app, made())
    assert await ledger.apps.list() == []


async def test_the_newest_settings_count(ledger, app):
    await ledger.apps.set(app, Settings(scale={"web": 1}), made())
    changed = await ledger.apps.set(app, LOCKED, made())
    assert changed.settings == LOCKED
    assert await ledger.apps.get("web") == changed
    assert await ledger.apps.list() == [changed]


async def test_settings_are_those_of_their_app(ledger, app):
    other = await ledger.apps.add("other", made())
    await ledger.apps.set(app, LOCKED, made())
    assert (await ledger.apps.get(other.name)).settings == Settings()

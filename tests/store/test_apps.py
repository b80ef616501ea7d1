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


async def test_a_restored_app_is_there_again_with_its_id_and_settings(ledger, app):
    await ledger.apps.set(app, LOCKED, made())
    await _take_down(ledger, app)
    await ledger.apps.begin_restoring(app, made())
    back = await ledger.apps.restore(app, made())
    assert (back.id, back.settings, back.is_deleted) == (app.id, LOCKED, False)
    assert await ledger.apps.get("web") == back
    assert await ledger.apps.list() == [back]


async def test_a_restored_app_can_be_deleted_and_restored_again_and_again(ledger, app):
    for _ in range(3):
        await _take_down(ledger, app)
        assert (await ledger.apps.list(), await ledger.apps.list_deleted()) == ([], [])
        await ledger.apps.restore(app, made())
        assert [found.id for found in await ledger.apps.list()] == [app.id]


async def test_the_deletion_of_a_restored_app_is_recorded_once(ledger, app):
    await _take_down(ledger, app)
    await ledger.apps.restore(app, made())
    await ledger.apps.delete(app, made(by="first"))
    await ledger.apps.delete(app, made(by="second"))
    assert [found.id for found in await ledger.apps.list_deleted()] == [app.id]
    await ledger.apps.record_dismantled(app, made())
    await ledger.apps.record_dismantled(app, made())
    assert (await ledger.apps.last_deleted("web")).made.by == "first"


async def test_of_several_that_had_a_name_the_last_one_is_restored(ledger, app):
    await _take_down(ledger, app)
    second = await ledger.apps.add("web", made())
    with pytest.raises(errors.Conflict):
        await ledger.apps.restore(app, made())
    await _take_down(ledger, second)
    assert (await ledger.apps.last_deleted("web")).app.id == second.id


async def test_an_app_that_is_not_taken_down_yet_is_not_the_last_deleted(ledger, app):
    await ledger.apps.delete(app, made())
    with pytest.raises(errors.NotFound, match=r"^no deleted app: web$"):
        await ledger.apps.last_deleted("web")


async def test_a_name_is_held_while_its_app_is_being_restored(ledger, app):
    await _take_down(ledger, app)
    await ledger.apps.begin_restoring(app, made())
    await ledger.apps.begin_restoring(app, made())
    with pytest.raises(errors.Conflict, match="is being restored"):
        await ledger.apps.add("web", made())
    assert (await ledger.apps.last_deleted("web")).app.id == app.id


async def test_settings_are_all_kept_newest_first(ledger, app):
    assert await ledger.apps.settings(app) == []
    await ledger.apps.set(app, LOCKED, made(by="ann"))
    await ledger.apps.set(app, Settings(), made(by="bob"))
    assert [(line.settings, line.made.by) for line in await ledger.apps.settings(app)] == [
        (Settings(), "bob"),
        (LOCKED, "ann"),
    ]


async def _take_down(ledger, app):
    await ledger.apps.delete(app, made())
    await ledger.apps.record_dismantled(app, made())

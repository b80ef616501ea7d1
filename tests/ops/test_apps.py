"""Apps: their names, settings, locks and ends."""

import pytest

from sternway.core.app import AppStatus
from sternway.core.errors import Conflict, InvalidInput, NotFound
from sternway.core.event import RACK_CHAIN
from sternway.ops import apps, releases


async def dismantled(still) -> None:
    """Record that nothing runs any more of what was deleted."""
    async with still.rack.store.write() as ledger:
        for app in await ledger.apps.list_deleted():
            await ledger.apps.record_dismantled(app, still.made())


@pytest.mark.parametrize("name", ["", "Shop", "1shop", "a_b", "rack", "system", "x" * 64])
async def test_names_that_cannot_be_are_refused(still, name):
    with pytest.raises(InvalidInput, match="name"):
        await apps.create(still.rack, name, still.made())
    assert await apps.list_all(still.rack) == []


async def test_a_name_is_taken_once(still):
    await still.app()
    with pytest.raises(Conflict, match="already exists"):
        await still.app()


async def test_apps_are_listed_by_name(still):
    for name in ("b", "a", "c"):
        await still.app(name)
    assert [view.app.name for view in await apps.list_all(still.rack)] == ["a", "b", "c"]


async def test_a_locked_app_is_not_deleted(still):
    await still.app()
    await apps.update(still.rack, "shop", still.made(), lock=True)
    with pytest.raises(Conflict, match="locked"):
        await apps.delete(still.rack, "shop", still.made())
    await apps.update(still.rack, "shop", still.made(), lock=False)
    await apps.delete(still.rack, "shop", still.made())
    assert (await apps.get(still.rack, "shop")).status is AppStatus.DELETING


async def test_an_app_that_is_taken_down_is_shown_as_such_and_nothing_can_be_done_with_it(still):
    await still.app()
    await apps.delete(still.rack, "shop", still.made())
    assert (await apps.get(still.rack, "shop")).status is AppStatus.DELETING
    assert await apps.list_all(still.rack) == []
    with pytest.raises(NotFound, match="app not found: shop"):
        await apps.delete(still.rack, "shop", still.made())


async def test_a_name_is_not_free_before_the_app_that_had_it_is_taken_down(still):
    await still.app()
    await apps.delete(still.rack, "shop", still.made())
    with pytest.raises(Conflict, match="app shop is still being deleted") as caught:
        await still.app()
    assert caught.value.hint == "try again in a moment"
    await dismantled(still)
    with pytest.raises(NotFound, match="app not found: shop"):
        await apps.get(still.rack, "shop")
    await still.app()
    assert (await apps.get(still.rack, "shop")).status is AppStatus.RUNNING


async def test_parameters_are_merged(still):
    await still.app()
    await apps.update(still.rack, "shop", still.made(), parameters={"A": "1", "B": "2"})
    view = await apps.update(still.rack, "shop", still.made(), parameters={"B": "3"})
    assert view.app.settings.parameters == {"A": "1", "B": "3"}


async def test_a_name_used_again_is_another_app_with_nothing_of_the_old(still):
    await still.app()
    await still.release(env_text="A=1")
    await apps.delete(still.rack, "shop", still.made())
    await dismantled(still)
    await still.app()
    assert await releases.list_newest(still.rack, "shop") == []


async def test_the_chain_of_the_rack_tells_of_apps_that_come_and_go(still):
    await still.app()
    await apps.delete(still.rack, "shop", still.made("bob", "no longer needed"))
    async with still.rack.store.read() as ledger:
        bodies = [event.body for event in await ledger.events.list(RACK_CHAIN, 10)]
    assert b"app:delete" in bodies[0]
    assert b"no longer needed" in bodies[0]
    assert b"app:create" in bodies[1]

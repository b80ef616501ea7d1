"""An app that was deleted comes back whole, and only once, and within its time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sternway.core.errors import Conflict, EngineUnavailable, NotFound
from sternway.ops import apps, history, releases, restoration


async def deleted(running):
    await running.app()
    release = await running.deployed()
    await apps.update(running.rack, "shop", running.made(), parameters={"Standby": "1h"})
    await apps.delete(running.rack, "shop", running.made())
    await running.gone()
    return release


async def test_a_deleted_app_comes_back_with_history_settings_and_its_release(running):
    release = await deleted(running)
    back = await restoration.restore(running.rack, "shop", running.made("bob", "oops"))
    assert back.promotion is not None
    await running.ended(back.promotion)
    view = await apps.get(running.rack, "shop")
    assert (view.active_id, view.app.settings.parameters) == (release, {"Standby": "1h"})
    assert [line.id for line in await releases.list_newest(running.rack, "shop")] == [release]
    told = await history.of_app(running.rack, "shop")
    assert [(e.text, e.by, e.reason) for e in told if e.subject == "app"][:2] == [
        ("restored", "bob", "oops"),
        ("deleted", "ann", ""),
    ]
    assert await running.engine.observe("shop")


async def test_it_can_be_deleted_and_restored_again_as_the_same_app(running):
    await deleted(running)
    first = await restoration.restore(running.rack, "shop", running.made())
    await apps.delete(running.rack, "shop", running.made())
    await running.gone()
    second = await restoration.restore(running.rack, "shop", running.made())
    assert first.app.id == second.app.id
    await apps.delete(running.rack, "shop", running.made())
    await running.gone()
    with pytest.raises(NotFound):
        await apps.get(running.rack, "shop")


async def test_while_there_is_an_app_of_that_name_nothing_is_restored(running):
    await deleted(running)
    await running.app()
    with pytest.raises(Conflict, match="already exists"):
        await restoration.restore(running.rack, "shop", running.made())


async def test_an_app_that_never_was_is_not_found(running):
    with pytest.raises(NotFound, match="no deleted app: shop"):
        await restoration.restore(running.rack, "shop", running.made())


async def test_after_its_time_it_is_not_restored(running):
    await deleted(running)
    late = replace(running.made(), at=running.made().at + restoration.RETENTION + timedelta(minutes=1))
    with pytest.raises(NotFound, match="deleted 30 days ago"):
        await restoration.restore(running.rack, "shop", late)
    with pytest.raises(NotFound):
        await apps.get(running.rack, "shop")


async def test_while_it_is_being_deleted_it_is_not_restored(still):
    await still.app()
    await apps.delete(still.rack, "shop", still.made())
    with pytest.raises(Conflict, match="still being deleted"):
        await restoration.restore(still.rack, "shop", still.made())


async def test_interrupted_it_keeps_its_name_and_can_be_repeated(running, monkeypatch):
    await deleted(running)

    async def recall(app: str, *, epoch: int, owner: int) -> bool:
        raise EngineUnavailable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(running.engine, "recall", recall)
        with pytest.raises(EngineUnavailable):
            await restoration.restore(running.rack, "shop", running.made())
    with pytest.raises(Conflict, match="is being restored"):
        await running.app()
    await restoration.restore(running.rack, "shop", running.made())
    assert (await apps.get(running.rack, "shop")).app.name == "shop"


async def test_an_empty_app_comes_back_empty(running):
    await running.app()
    await apps.delete(running.rack, "shop", running.made())
    await running.gone()
    back = await restoration.restore(running.rack, "shop", running.made())
    assert (back.release, back.promotion) == (None, None)


async def test_an_app_whose_artifact_is_gone_comes_back_without_being_promoted(running):
    release = await deleted(running)
    async with running.rack.store.read() as ledger:
        gone = (await ledger.apps.last_deleted("shop")).app
        build = await ledger.builds.get(gone, (await ledger.releases.get(gone, release)).build_id or "")
    running.builder.gone.update(build.artifacts.values())
    back = await restoration.restore(running.rack, "shop", running.made())
    assert back.promotion is None
    assert release in back.notes[-1]

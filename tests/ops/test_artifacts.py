"""Which releases can still be run, and what is said where that is not known."""

import asyncio

import pytest

from sternway.core.errors import EngineUnavailable
from sternway.ops import artifacts, builds, parameters, releases


@pytest.fixture
async def deployed(running):
    """Return the build of each of two releases, the older first."""
    await running.app()
    old, new = await running.deployed(), await running.deployed(source=b"other")
    return {release: (await releases.get(running.rack, "shop", release)).build_id for release in (old, new)}


async def lose(running, build_id):
    build = await builds.get(running.rack, "shop", build_id)
    running.builder.gone.add(next(iter(build.artifacts.values())))


async def test_a_build_of_which_one_artifact_is_missing_is_gone(running, deployed):
    old, new = deployed.values()
    assert await artifacts.gone(running.rack, "shop", deployed.values()) == set()
    await lose(running, old)
    assert await artifacts.gone(running.rack, "shop", deployed.values()) == {old}
    assert await artifacts.gone(running.rack, "shop", {new}) == set()


async def test_releases_that_can_still_be_run_are_named_newest_first(running, deployed):
    old, new = deployed
    again = await running.release(env_text="GREETING=again")
    assert await artifacts.reachable(running.rack, "shop") == [again.id, new, old]
    await lose(running, deployed[new])
    assert await artifacts.reachable(running.rack, "shop") == [old]


async def test_a_release_without_a_build_is_neither_gone_nor_reachable(running):
    await running.app()
    await running.release(env_text="A=1")
    assert await artifacts.gone(running.rack, "shop", []) == set()
    assert await artifacts.reachable(running.rack, "shop") == []


async def test_an_engine_that_does_not_answer_says_nothing(running, deployed, monkeypatch):
    async def missing(app, found):
        raise EngineUnavailable("it does not answer")

    monkeypatch.setattr(running.builder, "missing", missing)
    assert await artifacts.gone(running.rack, "shop", deployed.values()) is None
    assert await artifacts.reachable(running.rack, "shop") == []


async def test_a_slow_engine_is_not_waited_for(running, deployed, monkeypatch):
    async def missing(app, found):
        await asyncio.Event().wait()

    monkeypatch.setattr(running.builder, "missing", missing)
    monkeypatch.setattr(artifacts, "PATIENCE_S", 0.01)
    assert await artifacts.gone(running.rack, "shop", deployed.values()) is None


async def test_where_a_registry_keeps_copies_nothing_is_called_gone(running, deployed):
    await lose(running, next(iter(deployed.values())))
    await parameters.set(running.rack, {"registry": "registry.example"}, running.made())
    assert await artifacts.gone(running.rack, "shop", deployed.values()) is None

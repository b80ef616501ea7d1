"""Deployments outlive the rack: what was built when it ended is promoted once it runs again."""

import asyncio

import pytest

from sternway.core.crossing import Crossing
from sternway.core.manifest import parse
from sternway.core.release import BuildOptions
from sternway.engines.memory import World
from sternway.ops import builds, deployments, promotions
from sternway.router.memory import MemoryNetwork
from tests.rack import MANIFEST, PATIENCE_S, rack_under_test


async def archive():
    yield b"archive"


async def ordered(rack):
    rack.builder.manifest, rack.builder.services = MANIFEST, tuple(parse(MANIFEST).manifest.services)
    key = await deployments.upload(rack.rack, "shop", archive())
    return await deployments.order(rack.rack, "shop", BuildOptions(key), "", rack.made(reason="try it"))


async def problem_of(rack, build_id):
    found = await deployments.find(rack.rack, build_id)
    assert found is not None
    return found.problem


async def promoted(rack, build_id):
    """Wait for the promotion of the release of a build, and for its end."""
    release_id = (await rack.built("shop", build_id)).release_id
    async with asyncio.timeout(PATIENCE_S):
        while True:
            seen = rack.rack.changes.version("shop")
            if found := await promotions.of_releases(rack.rack, "shop", [release_id]):
                return await rack.ended(found[release_id])
            await rack.rack.changes.wait("shop", seen, PATIENCE_S)


def dying_at(crossing):
    """Return what ends the task that passes a crossing, as if the rack had died there."""

    def cross(passed):
        if passed is crossing:
            raise asyncio.CancelledError

    return cross


@pytest.mark.parametrize("crossing", [Crossing.BUILD_CONCLUDED, Crossing.SOURCE_FORGOTTEN, Crossing.PROMOTION_ADDING])
async def test_release_that_was_built_when_the_rack_died_is_promoted_by_the_next(tmp_path, crossing):
    world, network = World(), MemoryNetwork()
    async with rack_under_test(tmp_path, world=world, network=network, cross=dying_at(crossing)) as first:
        await first.app()
        build = await ordered(first)
        await first.built("shop", build.id)
    async with rack_under_test(tmp_path, world=world, network=network) as again:
        promotion = await promoted(again, build.id)
        assert (promotion.status, promotion.made.by, promotion.made.reason) == ("completed", "ann", "try it")
        assert await again.active() == promotion.release_id


async def test_build_that_had_not_begun_is_built_and_promoted(tmp_path):
    async with rack_under_test(tmp_path, reconcile=False) as first:
        await first.app()
        build = await ordered(first)
    async with rack_under_test(tmp_path) as again:
        again.builder.manifest, again.builder.services = MANIFEST, tuple(parse(MANIFEST).manifest.services)
        assert (await promoted(again, build.id)).status == "completed"


async def test_what_was_promoted_or_given_up_is_not_due_any_more(running):
    await running.app()
    first = await ordered(running)
    await promoted(running, first.id)
    assert await deployments.list_due(running.rack) == {}
    plain = await running.build()
    assert await deployments.find(running.rack, plain.id) is None


async def test_what_cannot_be_promoted_is_given_up_once_and_says_why(still):
    await still.app()
    key = await deployments.upload(still.rack, "shop", archive())
    build = await deployments.order(still.rack, "shop", BuildOptions(key), "", still.made())
    async with still.rack.store.write() as ledger:
        await builds.fail(ledger, await ledger.apps.get("shop"), build, "no", still.made())
    await deployments.conclude(still.rack, "shop", build.id)
    assert await problem_of(still, build.id) == ""
    await deployments.conclude(still.rack, "gone", build.id)
    assert "app not found" in await problem_of(still, build.id)

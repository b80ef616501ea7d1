"""What was built for a deleted app goes once it cannot be restored any more, and not before."""

from datetime import timedelta

import pytest

from sternway.clock import SystemClock
from sternway.core.release import BuildOptions
from sternway.ops import apps, builds, restoration
from sternway.reconcile import lapsed
from tests.rack import rack_under_test

RETENTION = restoration.RETENTION
MOMENT = timedelta(minutes=1)


class LaterClock(SystemClock):
    """A clock that can be set ahead."""

    ahead = timedelta(0)

    def now(self):
        return super().now() + self.ahead


@pytest.fixture
async def running(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.rack.SystemClock", LaterClock)
    async with rack_under_test(tmp_path) as opened:
        yield opened


async def deleted(running):
    """Deploy and delete an app; return what was built for it."""
    await running.app()
    built = await running.build()
    await apps.delete(running.rack, "shop", running.made())
    await running.gone()
    return set(built.artifacts.values())


async def test_what_was_built_goes_when_the_app_cannot_be_restored_any_more(running):
    artifacts = await deleted(running)
    running.rack.clock.ahead = RETENTION - MOMENT
    assert await lapsed.sweep(running.rack, set()) == set()
    assert running.builder.discarded == []
    running.rack.clock.ahead = RETENTION + MOMENT
    done = await lapsed.sweep(running.rack, set())
    assert set(running.builder.discarded) == artifacts
    assert await lapsed.sweep(running.rack, done) == set()


async def test_an_app_that_was_restored_has_its_time_from_its_last_deletion(running):
    await deleted(running)
    running.rack.clock.ahead = RETENTION - MOMENT
    await restoration.restore(running.rack, "shop", running.made())
    running.rack.clock.ahead = RETENTION + MOMENT
    assert await lapsed.sweep(running.rack, set()) == set()
    await apps.delete(running.rack, "shop", running.made())
    await running.gone()
    assert await lapsed.sweep(running.rack, set()) == set()
    running.rack.clock.ahead = 2 * RETENTION + 2 * MOMENT
    assert len(await lapsed.sweep(running.rack, set())) == 1


async def test_what_an_app_of_the_same_name_built_since_stays(running):
    artifacts = await deleted(running)
    await running.app()
    kept = await running.build()
    running.rack.clock.ahead = RETENTION + MOMENT
    assert len(await lapsed.sweep(running.rack, set())) == 1
    assert set(running.builder.discarded) == artifacts
    assert artifacts.isdisjoint(kept.artifacts.values())


async def test_while_something_is_built_nothing_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.rack.SystemClock", LaterClock)
    async with rack_under_test(tmp_path) as running:
        await deleted(running)
    async with rack_under_test(tmp_path, reconcile=False) as still:
        await still.app("blog")
        await builds.store_source(still.rack, "blog", "tmp/a.tgz", builds.once(b"archive"))
        await builds.create(still.rack, "blog", BuildOptions("tmp/a.tgz"), "", still.made())
        monkeypatch.setattr(LaterClock, "ahead", RETENTION + MOMENT)
        assert await lapsed.sweep(still.rack, set()) == set()
    assert still.builder.discarded == []

"""Archives that were uploaded and never built go after a day; those that a build needs stay."""

import os
from datetime import timedelta

import pytest

from sternway.clock import SystemClock
from sternway.core.errors import NotFound, StoreUnavailable
from sternway.core.release import BuildOptions
from sternway.ops import builds
from sternway.reconcile import uploads
from tests.rack import RackUnderTest, rack_under_test


class Asleep(Exception):
    """Ends what would go on for ever."""


class LaterClock(SystemClock):
    """A clock that is ahead of the files; sleeping ends the sweeping."""

    ahead = timedelta(0)

    def now(self):
        return super().now() + self.ahead

    async def sleep(self, seconds: float) -> None:
        raise Asleep(seconds)


@pytest.fixture
async def later(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.rack.SystemClock", LaterClock)
    async with rack_under_test(tmp_path, reconcile=False) as opened:
        await opened.app()
        yield opened


async def uploaded(rack: RackUnderTest, key: str) -> None:
    await builds.store_source(rack.rack, "shop", key, builds.once(b"archive"))


async def is_there(rack: RackUnderTest, key: str) -> bool:
    try:
        return (await builds.find_object(rack.rack, "shop", key)).exists()
    except NotFound:
        return False


async def test_upload_that_nobody_built_goes_after_a_day(later):
    await uploaded(later, "tmp/left.tgz")
    later.rack.clock.ahead = timedelta(hours=23, minutes=59)
    assert await uploads.sweep(later.rack) == 0
    later.rack.clock.ahead = timedelta(hours=24, minutes=1)
    assert await uploads.sweep(later.rack) == 1
    assert not await is_there(later, "tmp/left.tgz")
    assert await uploads.sweep(later.rack) == 0


async def test_upload_that_a_build_waits_for_stays_and_so_does_everything_else(later):
    for key in ("tmp/wanted.tgz", "build/B1/logs", "tmpl/kept.tgz"):
        await uploaded(later, key)
    await builds.create(later.rack, "shop", BuildOptions("tmp/wanted.tgz"), "", later.made())
    later.rack.clock.ahead = timedelta(days=30)
    assert await uploads.sweep(later.rack) == 0
    assert await is_there(later, "tmp/wanted.tgz")
    assert await is_there(later, "build/B1/logs")


async def test_disk_that_cannot_be_read_ends_no_sweeping(later, monkeypatch):
    async def refuse(prefix, before):
        raise StoreUnavailable("objects: Input/output error")

    monkeypatch.setattr(later.rack.objects, "list_older", refuse)
    with pytest.raises(Asleep, match="3600"):
        await uploads.run(later.rack)


async def test_age_is_that_of_the_file(later):
    await uploaded(later, "tmp/old.tgz")
    file = await builds.find_object(later.rack, "shop", "tmp/old.tgz")
    os.utime(file, (0, 0))
    assert await uploads.sweep(later.rack) == 1

"""The build yard: what is ordered gets built, a few at a time, and however it ends, that is on record."""

import asyncio
from collections.abc import Callable

import pytest

from sternway.core.app import Made
from sternway.core.errors import ManifestInvalid, Refused, StoreUnavailable
from sternway.core.release import Build, BuildOptions, BuildStatus
from sternway.ops import builds, releases
from sternway.ports import BuildOrder, BuildResult
from sternway.reconcile import builds as yard
from tests.rack import RackUnderTest, rack_under_test

PATIENCE_S = 10.0


class SlowBuilder:
    """Builds that go on until they are let go; counts those that run, and those that were cancelled."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.cancelled = 0
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def build(self, order: BuildOrder, log: Callable[[bytes], None]) -> BuildResult:
        self.running += 1
        self.most = max(self.most, self.running)
        log(b"begun\n")
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return BuildResult("services: {}\n", {})


@pytest.fixture
async def slow(running: RackUnderTest, monkeypatch: pytest.MonkeyPatch) -> SlowBuilder:
    builder = SlowBuilder()
    monkeypatch.setattr(running.builder, "build", builder.build)
    await running.app()
    return builder


async def order(rack: RackUnderTest, key: str = "tmp/source.tgz") -> Build:
    async def chunks():
        yield b"archive"

    await builds.store_source(rack.rack, "shop", key, chunks())
    return await builds.create(rack.rack, "shop", BuildOptions(key), "", rack.made())


async def begun(slow: SlowBuilder) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await slow.begun.wait()


async def read_log(rack: RackUnderTest, build: Build) -> bytes:
    async with asyncio.timeout(PATIENCE_S):
        return b"".join([chunk async for chunk in builds.log(rack.rack, "shop", build.id)])


async def cancel(rack: RackUnderTest, build: Build, reason: str = "") -> Build:
    return await builds.cancel(rack.rack, "shop", build.id, Made(rack.rack.clock.now(), "bob", reason))


async def test_running_build_that_is_cancelled_stops_and_says_by_whom(running, slow):
    build = await order(running)
    await begun(slow)
    ended = await cancel(running, build, "wrong branch")
    assert (ended.status, ended.reason) == (BuildStatus.FAILED, "cancelled by bob: wrong branch")
    live = await read_log(running, build)
    assert live == b"begun\nERROR: cancelled by bob: wrong branch\n"
    assert await read_log(running, build) == live
    assert (slow.cancelled, slow.running) == (1, 0)
    assert await running.built("shop", build.id) == ended
    assert await releases.list_newest(running.rack, "shop") == []


async def test_build_that_waits_and_is_cancelled_never_begins(running, slow):
    ordered = [await order(running, f"tmp/{number}") for number in range(yard.SIDE_BY_SIDE + 1)]
    await begun(slow)
    await cancel(running, ordered[-1])
    assert await read_log(running, ordered[-1]) == b"ERROR: cancelled by bob\n"
    slow.go.set()
    for build in ordered[:-1]:
        assert (await running.built("shop", build.id)).status is BuildStatus.COMPLETE
    assert slow.most == yard.SIDE_BY_SIDE


async def test_cancelling_twice_does_nothing_more(running, slow):
    build = await order(running)
    await begun(slow)
    first = await cancel(running, build)
    assert await cancel(running, build, "again") == first


async def test_build_that_has_ended_cannot_be_cancelled(running):
    await running.app()
    build = await running.build()
    with pytest.raises(Refused, match=f"build {build.id} is complete"):
        await cancel(running, build)


async def test_cancelled_build_makes_no_release_even_if_it_was_about_to(still):
    """The rack hears of it only when it wants to complete."""
    await still.app()
    build = await order(still)
    await cancel(still, build)
    working = yard.BuildYard(still.rack)
    async with still.rack.store.read() as ledger:
        app = await ledger.apps.get("shop")
    with pytest.raises(Refused, match="cancelled by bob"):
        await working._complete(app, build, "RAAAAAAAAAA", BuildResult("services: {}\n", {}))
    assert await releases.list_newest(still.rack, "shop") == []


async def test_build_that_ran_when_the_rack_stopped_has_failed_and_says_why(tmp_path, monkeypatch):
    async with rack_under_test(tmp_path) as first:
        slow = SlowBuilder()
        monkeypatch.setattr(first.builder, "build", slow.build)
        await first.app()
        build = await order(first)
        await begun(slow)
    async with rack_under_test(tmp_path) as second:
        ended = await second.built("shop", build.id)
        assert (ended.status, ended.reason) == (BuildStatus.FAILED, yard.STOPPED)
        assert await read_log(second, build) == f"ERROR: {yard.STOPPED}\n".encode()


async def test_build_that_waited_when_the_rack_stopped_begins(tmp_path):
    async with rack_under_test(tmp_path, reconcile=False) as first:
        await first.app()
        build = await order(first)
    async with rack_under_test(tmp_path) as second:
        assert (await second.built("shop", build.id)).status is BuildStatus.COMPLETE


async def test_full_disk_is_recorded_once_there_is_room(running, slow, monkeypatch):
    put, refusals = running.rack.objects.put, 2

    async def refuse(app, key, chunks):
        nonlocal refusals
        if key.endswith("/logs") and refusals:
            refusals -= 1
            raise StoreUnavailable("objects: No space left on device")
        return await put(app, key, chunks)

    monkeypatch.setattr(running.rack.objects, "put", refuse)
    monkeypatch.setattr(yard, "RECORD_AGAIN_S", 0.0)
    slow.go.set()
    build = await order(running)
    ended = await running.built("shop", build.id)
    assert (ended.status, ended.reason) == (BuildStatus.FAILED, "objects: No space left on device")
    monkeypatch.undo()
    assert (await running.build()).status is BuildStatus.COMPLETE


async def test_what_else_is_said_of_a_manifest_with_errors_is_in_the_log(running, monkeypatch):
    await running.app()

    async def refuse(order, log):
        raise ManifestInvalid("services.web: is wrong (line 2)", warnings=("services.web.prot: unknown key (line 3)",))

    monkeypatch.setattr(running.builder, "build", refuse)
    ended = await running.build()
    log = b"".join([chunk async for chunk in builds.log(running.rack, "shop", ended.id)])
    assert log == b"Warning: services.web.prot: unknown key (line 3)\nERROR: services.web: is wrong (line 2)\n"
    assert ended.reason == "services.web: is wrong (line 2)"


async def test_unexpected_failure_ends_the_build_and_not_the_rack(running, monkeypatch):
    await running.app()

    async def fall(order, log):
        raise RuntimeError("nobody foresaw")

    monkeypatch.setattr(running.builder, "build", fall)
    ended = await running.build()
    assert (ended.status, ended.reason) == (
        BuildStatus.FAILED,
        "unexpected RuntimeError; see the log of the rack",
    )
    monkeypatch.undo()
    assert (await running.build()).status is BuildStatus.COMPLETE

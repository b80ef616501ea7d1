"""What is under way at a process that a promotion takes out of traffic: the real worker over the real router."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from sternway.core.formation import FormationState
from sternway.engines import memory
from sternway.ops import apps
from sternway.reconcile.loop import Reconciler
from tests.rack import RackUnderTest, rack_under_test
from tests.router import upstreams
from tests.router.rigs import CaddyRig

DRAIN_S = 2
MANIFEST = f"""
environment:
  - GREETING=hello
services:
  web:
    command: run
    port: 3000
    drain: {DRAIN_S}
"""
HOST = "web.shop.localhost"


@pytest.fixture
async def running(tmp_path: Path, own_caddy: CaddyRig, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RackUnderTest]:
    """Have a rack whose router is Caddy, and upstreams where its first two processes would listen."""
    first = free_pair()
    monkeypatch.setattr(memory, "FIRST_PORT", first - 1)
    async with AsyncExitStack() as stack:
        for number, name in enumerate(("old", "new")):
            await stack.enter_async_context(upstreams.upstream(name, first + number))
        yield await stack.enter_async_context(working(tmp_path, own_caddy))


@asynccontextmanager
async def working(directory: Path, caddy: CaddyRig) -> AsyncIterator[RackUnderTest]:
    async with rack_under_test(directory / "rack", reconcile=False) as under_test:
        rack = replace(under_test.rack, router=caddy.router, traffic=caddy.router)
        task = asyncio.create_task(Reconciler(rack, "test").run())
        try:
            yield replace(under_test, rack=rack)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def an_app(running: RackUnderTest, *, standby: str = "off") -> None:
    await running.app()
    await apps.update(running.rack, "shop", running.made(), parameters={"Standby": standby})


def free_pair() -> int:
    while True:
        with closing(socket.create_server(("127.0.0.1", 0))) as one:
            port: int = one.getsockname()[1]
            with suppress(OSError), closing(socket.create_server(("127.0.0.1", port + 1))):
                return port


async def test_a_websocket_on_the_old_release_has_the_drain_time_and_no_more(
    running: RackUnderTest, own_caddy: CaddyRig
) -> None:
    await an_app(running)
    await running.deployed(manifest=MANIFEST)
    client = await own_caddy.client()
    await client.send(HOST, "/echo", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")
    assert " 101 " in await client.head()
    started = time.monotonic()
    await promote_another(running)
    assert (await (await own_caddy.client()).ask(HOST)).body == "new 0"
    client.writer.write(b"hello")
    async with asyncio.timeout(upstreams.WAIT_S):
        assert await client.reader.readexactly(9) == b"old:hello"
    assert len(await running.engine.observe("shop")) == 2
    await running.until("shop", only_one)
    assert time.monotonic() - started >= DRAIN_S


async def test_a_websocket_goes_on_while_the_old_release_stands_by(running: RackUnderTest, own_caddy: CaddyRig) -> None:
    await an_app(running, standby="1h")
    await running.deployed(manifest=MANIFEST.replace(f"drain: {DRAIN_S}", "drain: 0"))
    client = await own_caddy.client()
    await client.send(HOST, "/echo", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")
    assert " 101 " in await client.head()
    await promote_another(running)
    assert (await (await own_caddy.client()).ask(HOST)).body == "new 0"
    client.writer.write(b"hello")
    async with asyncio.timeout(upstreams.WAIT_S):
        assert await client.reader.readexactly(9) == b"old:hello"
    assert len(await running.engine.observe("shop")) == 2


async def test_an_old_process_is_stopped_as_soon_as_its_last_stream_has_ended(
    running: RackUnderTest, own_caddy: CaddyRig
) -> None:
    await an_app(running)
    await running.deployed(manifest=MANIFEST.replace(f"drain: {DRAIN_S}", "drain: 600"))
    async with upstreams.client(own_caddy.listen) as client:
        await client.send(HOST, "/echo", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")
        assert " 101 " in await client.head()
        await promote_another(running)
        assert len(await running.engine.observe("shop")) == 2
    await running.until("shop", only_one)


async def promote_another(running: RackUnderTest) -> None:
    release = await running.release(env_text="GREETING=bonjour")
    await running.promoted(release.id)


def only_one(formations: tuple[FormationState, ...]) -> bool:
    return len(formations) == 1

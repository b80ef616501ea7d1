"""Another version of Caddy takes over from the one that runs, and back, under load."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sternway.core.errors import RouterUnavailable
from sternway.router.caddy import listening, names, process
from tests.router import dying_rack, http2, load, rigs, upstreams
from tests.router.conftest import Home, free_address
from tests.router.rigs import CaddyRig, route

HOST = "takeover.localhost"
FRESH = 2


@pytest.fixture(scope="session")
def older() -> str:
    return process.installed()


@pytest.fixture(scope="session")
def newer(older: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Caddy of another content: what is after the end of the program does not keep it from running."""
    file = tmp_path_factory.mktemp("newer") / "caddy"
    shutil.copy(older, file)
    with file.open("ab") as stream:
        stream.write(b"newer")
    return str(file)


@pytest.fixture
def broken(tmp_path: Path) -> str:
    file = tmp_path / "broken-caddy"
    file.write_text("#!/bin/sh\necho this is broken; exit 1\n")
    file.chmod(0o700)
    return str(file)


@pytest.fixture
async def takeover(own_home: Home) -> AsyncIterator[CaddyRig]:
    async with AsyncExitStack() as stack:
        rig = CaddyRig(own_home.directory, own_home.listen, stack, rigs.LEAVING_OPTIONS)
        await rig.start()
        await rig.router.apply("x", (route("web", HOST, await rig.member("a")),), epoch=rig.epoch)
        yield rig
        await rig.leave()


async def restart(rig: CaddyRig, binary: str) -> None:
    rig.options = replace(rig.options, binary=binary)
    await rig.restart()


def running(rig: CaddyRig) -> dict[str, str]:
    """Return the binary of each part."""
    found = process.all_running(rig.directory)
    return {name: process.image(rig.directory, name) or "removed" for name in found}


async def settled(rig: CaddyRig, binary: str) -> None:
    """Wait until there are a front and two backs, all of this binary."""
    async with asyncio.timeout(upstreams.WAIT_S):
        while True:
            parts = running(rig)
            if sorted(map(names.role, parts)) == sorted(names.ROLES) and set(parts.values()) == {binary}:
                return
            await rigs.SystemTime().sleep(0.02)


@asynccontextmanager
async def steady_load(rig: CaddyRig) -> AsyncIterator[load.Report]:
    """Keep asking, on kept connections and on new ones; nothing may fail."""
    async with load.on(rig.listen, HOST, fresh=FRESH) as report:
        await report.more(50)
        yield report
        await report.more(50)
    assert report.failures == []


async def test_another_binary_takes_over_and_back_without_a_lost_request(
    takeover: CaddyRig, older: str, newer: str
) -> None:
    async with steady_load(takeover) as report:
        for binary in (newer, older):
            await restart(takeover, binary)
            await report.more(100)
            await settled(takeover, binary)
    assert any(answer.is_last for answer in report.answers)


async def test_the_same_binary_touches_nothing(takeover: CaddyRig, older: str, tmp_path: Path) -> None:
    before = {name: process.find(takeover.directory, name) for name in running(takeover)}
    same = shutil.copy(older, tmp_path / "caddy-elsewhere")
    await restart(takeover, str(same))
    assert {name: process.find(takeover.directory, name) for name in running(takeover)} == before


async def test_websockets_streams_and_requests_outlive_the_takeover(takeover: CaddyRig, newer: str) -> None:
    upstream = await takeover.upstream("b")
    await takeover.router.apply("x", (route("web", HOST, rigs.at(upstream.endpoint)),), epoch=takeover.epoch)
    echo, slow, events = [await takeover.client() for _ in range(3)]
    await echo.send(HOST, "/echo", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")
    assert " 101 " in await echo.head()
    await slow.send(HOST, "/slow")
    await events.send(HOST, "/events")
    await events.head()
    await restart(takeover, newer)
    assert (await takeover.router.in_flight())[upstream.endpoint] == 3
    await asyncio.sleep(takeover.options.client_idle_s * 2)  # longer than what carries nothing stays
    assert len(running(takeover)) == 5  # the back that was never live has gone
    assert await _echoed(echo) == b"b:still there"
    upstream.go.set()
    assert " 200 " in await slow.head()
    assert b"last" in await events.reader.readuntil(b"last")
    await upstreams.closed(echo.writer)
    await settled(takeover, newer)
    assert await takeover.router.in_flight() == {}


async def _echoed(client: upstreams.Client) -> bytes:
    client.writer.write(b"still there")
    async with asyncio.timeout(upstreams.WAIT_S):
        return await client.reader.read(1024)


async def test_a_client_on_a_kept_connection_is_asked_to_connect_anew(takeover: CaddyRig, newer: str) -> None:
    client = await takeover.client()
    assert not (await client.ask(HOST)).is_last
    await restart(takeover, newer)
    assert (await client.ask(HOST)).is_last
    assert not (await (await takeover.client()).ask(HOST)).is_last


async def test_a_client_of_http2_is_told_to_go(takeover: CaddyRig, newer: str) -> None:
    async with upstreams.client(takeover.listen) as client:
        authority = HOST.encode()
        asked = http2.frame(1, 5, 1, b"\x82\x86\x84\x01" + bytes([len(authority)]) + authority)
        client.writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + http2.frame(4, 0, 0))
        await restart(takeover, newer)
        client.writer.write(asked)
        async with asyncio.timeout(upstreams.WAIT_S):
            kinds = await http2.kinds_until_closed(client.reader)
    assert {http2.HEADERS, http2.DATA, http2.GOAWAY} <= kinds


async def test_a_binary_that_is_removed_goes_on_serving_until_it_is_replaced(
    takeover: CaddyRig, older: str, newer: str, tmp_path: Path
) -> None:
    removed = shutil.copytree(Path(newer).parent, tmp_path / "removed")
    await restart(takeover, str(removed / "caddy"))
    shutil.rmtree(removed)
    async with steady_load(takeover):
        await restart(takeover, older)
        await settled(takeover, older)


async def test_a_binary_that_cannot_start_leaves_the_one_before(takeover: CaddyRig, older: str, broken: str) -> None:
    before = running(takeover)
    async with steady_load(takeover):
        await restart(takeover, broken)
        assert "this is broken" in takeover.router.problem
    assert running(takeover) == before
    await takeover.router.apply("y", (route("web", "y.localhost"),), epoch=takeover.epoch)
    os.kill(_pid(takeover, "front"), signal.SIGKILL)
    await settled(takeover, older)


def _pid(rig: CaddyRig, name: str) -> int:
    found = process.find(rig.directory, name)
    assert found
    return found.pid


@pytest.mark.parametrize("point", dying_rack.POINTS)
@pytest.mark.parametrize("goes_back", [False, True])
async def test_a_takeover_that_was_killed_is_ended_by_the_next_start(
    takeover: CaddyRig, older: str, newer: str, point: str, *, goes_back: bool
) -> None:
    async with steady_load(takeover) as report:
        await takeover.leave()
        arguments = (str(takeover.directory), takeover.listen, newer, point)
        killed = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.router.dying_rack", *arguments)
        async with asyncio.timeout(upstreams.WAIT_S):
            assert await killed.wait() == -signal.SIGKILL
        await report.more(50)
        await restart(takeover, older if goes_back else newer)
        await settled(takeover, older if goes_back else newer)


async def test_another_address_is_taken_over_in_the_same_way(takeover: CaddyRig, older: str) -> None:
    before, takeover.listen = takeover.listen, free_address()
    async with load.on(before, HOST) as report:
        await report.more(20)
        await takeover.restart()
        assert await takeover.ask(HOST)
    assert report.failures == []
    await settled(takeover, older)
    with pytest.raises(ConnectionError):
        async with upstreams.client(before):
            pass


async def test_an_address_that_is_taken_is_an_error_and_the_front_stays(takeover: CaddyRig) -> None:
    before = takeover.listen
    with socket.create_server(("127.0.0.1", 0)) as taken:
        takeover.listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RouterUnavailable, match="cannot listen"):
            await takeover.restart()
    takeover.listen = before
    assert await takeover.ask(HOST)
    await takeover.restart()


def test_another_router_of_the_same_user_keeps_its_address(own_home: Home) -> None:
    with contextlib.closing(listening.Listeners({"R": own_home.listen})) as first:
        first.opened("front", ())
        with pytest.raises(RouterUnavailable, match="in use"):
            listening.Listeners({"R": own_home.listen}).opened("front", ())


async def test_new_connections_come_to_the_newest_while_others_go(own_home: Home) -> None:
    fronts = {name: listening.Listeners({"R": own_home.listen}) for name in ("first", "second", "third")}
    servers = {}
    for number, (name, listeners) in enumerate(fronts.items()):
        [listener] = listeners.opened(name, list(fronts)[:number]).values()
        servers[name] = await asyncio.start_server(_says(name), sock=listener.dup())
        assert await _who_answers(own_home.listen) == {name}
    for leaving in ("first", "second"):
        fronts[leaving].close()
        servers[leaving].close()
        fronts["third"].gone(leaving)
        assert await _who_answers(own_home.listen) == {"third"}
    fronts["third"].close()
    servers["third"].close()


def _says(name: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name.encode())
        writer.close()

    return answer


async def _who_answers(address: str) -> set[str]:
    found = set()
    for _ in range(30):
        async with upstreams.client(address) as client, asyncio.timeout(upstreams.WAIT_S):
            found.add((await client.reader.read()).decode())
    return found

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
from sternway.router.caddy import configuration, listening, names, process
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


async def refused(address: str) -> None:
    """Wait until nobody listens: sockets are closed a moment after their process has ended."""
    async with asyncio.timeout(upstreams.WAIT_S):
        with contextlib.suppress(ConnectionError):
            while True:
                async with upstreams.client(address):
                    await rigs.SystemTime().sleep(0.02)


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
    await _keep_unused_connections(takeover)
    client = await takeover.client()
    assert not (await client.ask(HOST)).is_last
    await restart(takeover, newer)
    assert (await client.ask(HOST)).is_last
    assert not (await (await takeover.client()).ask(HOST)).is_last


async def _keep_unused_connections(rig: CaddyRig) -> None:
    """Have them outlive a take-over, however busy the machine is."""
    rig.options = replace(rig.options, client_idle_s=30)
    await rig.restart()


async def test_a_client_of_http2_is_told_to_go(takeover: CaddyRig, newer: str) -> None:
    await _keep_unused_connections(takeover)
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


async def test_a_front_that_cannot_start_takes_no_connection(takeover: CaddyRig, older: str, tmp_path: Path) -> None:
    frontless = tmp_path / "frontless-caddy"
    fails = "sleep 0.3; echo this front is broken; exit 1"
    frontless.write_text(f'#!/bin/sh\ncase "$3" in front*) {fails};; esac\nexec {older} "$@"\n')
    frontless.chmod(0o700)
    async with steady_load(takeover):
        await restart(takeover, str(frontless))
        assert "this front is broken" in takeover.router.problem
        await settled(takeover, older)
    assert "front" in running(takeover)


async def test_what_is_held_for_a_process_outlives_the_takeover(takeover: CaddyRig, newer: str) -> None:
    takeover.options = replace(takeover.options, hold_s=10.0)
    await takeover.restart()
    await takeover.router.apply("x", (route("web", HOST, rigs.at("127.0.0.1:1")),), epoch=takeover.epoch)
    held = await takeover.client()
    await held.send(HOST, "/")
    await restart(takeover, newer)
    await asyncio.sleep(takeover.options.client_idle_s * 2)  # longer than what carries nothing stays
    await takeover.router.apply("x", (route("web", HOST, await takeover.member("b")),), epoch=takeover.epoch)
    assert " 200 " in await held.head()


def _pid(rig: CaddyRig, name: str) -> int:
    found = process.find(rig.directory, name)
    assert found
    return found.pid


async def test_takeovers_that_were_killed_are_ended_by_the_next_start(
    takeover: CaddyRig, older: str, newer: str
) -> None:
    binary = older
    async with steady_load(takeover) as report:
        for number, point in enumerate(dying_rack.POINTS):
            await takeover.leave()
            other = newer if binary == older else older
            await killed(takeover, other, point)
            await report.more(50)
            binary = other if number % 2 else binary
            await restart(takeover, binary)
            assert takeover.router.problem == ""
            await settled(takeover, binary)


async def killed(rig: CaddyRig, binary: str, point: str) -> None:
    """Have a rack take over with this binary, and be killed at the point."""
    arguments = (str(rig.directory), rig.listen, binary, point)
    rack = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.router.dying_rack", *arguments)
    async with asyncio.timeout(upstreams.WAIT_S):
        assert await rack.wait() == -signal.SIGKILL, point


async def test_another_address_is_taken_over_in_the_same_way(takeover: CaddyRig, older: str) -> None:
    before, takeover.listen = takeover.listen, free_address()
    async with load.on(before, HOST) as report:
        await report.more(20)
        await takeover.restart()
        assert await takeover.ask(HOST)
    assert report.failures == []
    await settled(takeover, older)
    await refused(before)


async def test_the_front_takes_the_clients_of_the_api_and_gives_them_back(takeover: CaddyRig, older: str) -> None:
    at, rack = free_address(), upstreams.Upstream("the rack")
    async with await asyncio.start_unix_server(rack.serve, takeover.directory / "api.sock"):
        takeover.api = configuration.Api(at, "api.sock")
        async with steady_load(takeover):
            await takeover.restart()
            await settled(takeover, older)
        async with load.on(at, "rack.localhost", fresh=FRESH) as api:
            takeover.listen = free_address()
            await takeover.restart()
            await settled(takeover, older)
        assert api.failures == []
        takeover.api = None
        await takeover.restart()
        await settled(takeover, older)
    await rack.close()
    await refused(at)


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
    with contextlib.closing(listening.Listeners("front", {"R": own_home.listen})) as first:
        first.opened({})
        for others in ({}, {"front-1": [free_address()]}):
            with pytest.raises(RouterUnavailable, match="in use"):
                listening.Listeners("front", {"R": own_home.listen}).opened(others)


async def test_new_connections_come_to_the_newest_while_others_go(own_home: Home) -> None:
    who = ("first", "second", "third")
    fronts = {name: listening.Listeners(name, {"R": own_home.listen}) for name in who}
    servers: dict[str, asyncio.Server] = {}
    for number, name in enumerate(who):
        servers[name] = await _join(name, fronts[name], {key: [own_home.listen] for key in who[:number]})
        assert await _who_answers(own_home.listen) == {who[max(0, number - 1)]}
        fronts[name].take()
        assert await _who_answers(own_home.listen) == {name}
    for leaving in ("first", "second"):
        _leave(leaving, fronts, servers)
        fronts["third"].gone(leaving)
        assert await _who_answers(own_home.listen) == {"third"}
    _leave("third", fronts, servers)


async def test_a_front_on_other_addresses_has_no_place_among_those_of_this_one(own_home: Home) -> None:
    both, other = own_home.listen, free_address()
    same = both.replace("127.0.0.1", "localhost")
    fronts = {
        "elsewhere": listening.Listeners("elsewhere", {"R": other}),
        "before": listening.Listeners("before", {"R": same}),
        "newest": listening.Listeners("newest", {"R": both}),
    }
    servers = {"elsewhere": await _join("elsewhere", fronts["elsewhere"], {})}
    servers["before"] = await _join("before", fronts["before"], {"elsewhere": [other]})
    servers["newest"] = await _join("newest", fronts["newest"], {"elsewhere": [other], "before": [same]})
    fronts["newest"].take()
    assert await _who_answers(both) == {"newest"}
    for leaving in ("elsewhere", "before"):
        _leave(leaving, fronts, servers)
        fronts["newest"].gone(leaving)
        assert await _who_answers(both) == {"newest"}
    _leave("newest", fronts, servers)


async def _join(name: str, listeners: listening.Listeners, others: dict[str, list[str]]) -> asyncio.Server:
    [listener] = listeners.opened(others).values()
    return await asyncio.start_server(_says(name), sock=listener.dup())


def _leave(name: str, fronts: dict[str, listening.Listeners], servers: dict[str, asyncio.Server]) -> None:
    fronts[name].close()
    servers[name].close()


async def test_nobody_but_the_front_inherits_its_sockets(takeover: CaddyRig, newer: str) -> None:
    await restart(takeover, newer)
    opened = _listening(int(takeover.listen.rpartition(":")[2]))
    child = await asyncio.create_subprocess_exec("sleep", "60", close_fds=False)
    try:
        assert len(opened) == 2
        assert not _sockets(child.pid) & opened
    finally:
        child.kill()
        await child.wait()
    found = {name: process.find(takeover.directory, name) for name in running(takeover)}
    holders = {names.role(name) for name, part in found.items() if part and _sockets(part.pid) & opened}
    assert holders == {names.FRONT}


def _listening(port: int) -> set[str]:
    """Return the inodes of the sockets that listen on this port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}


def _sockets(pid: int) -> set[str]:
    """Return the inodes of the sockets that the process has open."""
    found = set()
    with contextlib.suppress(FileNotFoundError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            found.add(os.readlink(file).removeprefix("socket:[").removesuffix("]"))
    return found


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

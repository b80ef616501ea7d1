"""What only the real router can be asked: requests under way while it changes, dead parts, streams, files."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sternway.core.errors import RouterUnavailable, StaleEpoch
from sternway.core.formation import Member, Route
from sternway.router.caddy import names, process, slots
from sternway.router.caddy.router import CaddyRouter
from tests.router import http2, load, rigs, upstreams
from tests.router.conftest import Home
from tests.router.rigs import CaddyRig, at, new_app, route

PARTS = (names.FRONT, *names.BACKS)


def dead_member() -> Member:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return at(f"127.0.0.1:{listener.getsockname()[1]}")


def pids(directory: Path) -> dict[str, int]:
    found = {name: process.find(directory, name) for name in PARTS}
    return {name: running.pid for name, running in found.items() if running}


async def kill(caddy: CaddyRig, names: Iterable[str]) -> None:
    for running in [process.find(caddy.directory, name) for name in names]:
        assert running
        os.kill(running.pid, signal.SIGKILL)
        await process.ended(running)


async def test_processes_are_the_parts_that_run(caddy: CaddyRig) -> None:
    listed = await caddy.router.processes()
    assert {state.id for state in listed} == {f"{name}-{pid}" for name, pid in pids(caddy.directory).items()}
    assert [state.command for state in listed] == [f"caddy run --config {name}.json" for name in PARTS]
    assert all(timedelta(0) <= datetime.now(UTC) - state.started_at < timedelta(minutes=5) for state in listed)


async def test_switches_under_load_lose_nothing_and_answer_nothing_stale(caddy: CaddyRig) -> None:
    app, members = new_app(), {name: await caddy.member(name) for name in "ab"}
    host = f"{app}.localhost"
    await caddy.router.apply(app, (route("web", host, members["a"]),), epoch=caddy.epoch)
    async with load.on(caddy.listen, host) as report:
        for name in "ba" * 6:
            begun = report.begin_switch()
            await caddy.router.apply(app, (route("web", host, members[name]),), epoch=caddy.epoch)
            report.end_switch(begun, name)
            await report.more(100)
    assert report.failures == []
    assert report.stale() == []


async def test_loads_of_the_configuration_lose_nothing(caddy: CaddyRig) -> None:
    app, member = new_app(), await caddy.member("a")
    await caddy.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=caddy.epoch)
    async with load.on(caddy.listen, f"{app}.localhost") as report:
        for other in [new_app() for _ in range(6)]:
            await caddy.router.apply(other, (route("web", f"{other}.localhost", member),), epoch=caddy.epoch)
            await report.more(100)
    assert report.failures == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_dead_member_is_passed_over(caddy: CaddyRig, method: str) -> None:
    app = new_app()
    members = (await caddy.member("a"), dead_member())
    await caddy.router.apply(app, (route("web", f"{app}.localhost", *members),), epoch=caddy.epoch)
    client = await caddy.client()
    answers = [await client.ask(f"{app}.localhost", method=method, body=b"four") for _ in range(30)]
    assert {(answer.status, answer.body) for answer in answers} == {(200, "a 4")}


async def test_a_request_waits_for_a_member_on_its_way(caddy: CaddyRig) -> None:
    app, member = new_app(), await caddy.member("a")
    await caddy.router.apply(app, (route("web", f"{app}.localhost"),), epoch=caddy.epoch)
    client = await caddy.client()
    await client.send(f"{app}.localhost", method="POST", body=b"four")
    await caddy.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=caddy.epoch)
    assert " 200 " in await client.head()


async def test_a_request_that_waits_outlives_loads(caddy: CaddyRig) -> None:
    app, member = new_app(), await caddy.member("a")
    await caddy.router.apply(app, (route("web", f"{app}.localhost"),), epoch=caddy.epoch)
    client = await caddy.client()
    await client.send(f"{app}.localhost", method="POST", body=b"four")
    for other in (new_app(), new_app()):  # the second load takes the configuration away that the request waits in
        await caddy.router.apply(other, (route("web", f"{other}.localhost", member),), epoch=caddy.epoch)
    await caddy.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=caddy.epoch)
    assert " 200 " in await client.head()


async def test_requests_are_refused_at_once_when_no_member_came_in_time(caddy: CaddyRig) -> None:
    app = new_app()
    await caddy.router.apply(app, (route("web", f"{app}.localhost"),), epoch=caddy.epoch)
    slot = caddy.directory / slots.path(app, f"{app}.localhost", 0)
    async with asyncio.timeout(upstreams.WAIT_S):
        while slot.read_text() != f"unix/{slots.CLOSED_SOCKET}":
            await rigs.SystemTime().sleep(0.01)
    answer = await (await caddy.client()).ask(f"{app}.localhost")
    assert (answer.status, time.monotonic() - answer.sent_at < rigs.HOLD_S) == (503, True)


async def test_an_app_without_members_is_named_in_the_answer(caddy: CaddyRig) -> None:
    app = new_app()
    await caddy.router.apply(app, (route("web", f"{app}.localhost"),), epoch=caddy.epoch)
    answer = await (await caddy.client()).ask(f"{app}.localhost")
    assert (answer.status, answer.body) == (503, f"no process of {app} can be reached\n")


async def test_a_request_that_reached_an_app_is_never_sent_again(caddy: CaddyRig) -> None:
    app = new_app()
    served = [await caddy.upstream(name) for name in "ab"]
    members = [at(upstream.endpoint) for upstream in served]
    await caddy.router.apply(app, (route("web", f"{app}.localhost", *members),), epoch=caddy.epoch)
    answer = await (await caddy.client()).ask(f"{app}.localhost", "/vanish")
    assert (answer.status, answer.body) == (502, f"{app} gave no answer\n")
    assert sum(len(upstream.heads) for upstream in served) == 1


@pytest.mark.parametrize(("method", "times"), [("POST", 1), ("GET", 2)])
async def test_on_a_connection_used_before_only_what_is_safe_is_sent_again(
    caddy: CaddyRig, method: str, times: int
) -> None:
    app, served, client = new_app(), await caddy.upstream("a"), await caddy.client()
    await caddy.router.apply(app, (route("web", f"{app}.localhost", at(served.endpoint)),), epoch=caddy.epoch)
    await client.ask(f"{app}.localhost")
    body = b"four" if method == "POST" else b""
    assert (await client.ask(f"{app}.localhost", "/vanish", method=method, body=body)).status == 502
    assert sum("/vanish" in head for head in served.heads) == times


async def test_a_member_that_dies_is_out_of_rotation_at_once(caddy: CaddyRig) -> None:
    app, served, client = new_app(), {name: await caddy.upstream(name) for name in "ab"}, await caddy.client()
    members = [at(upstream.endpoint) for upstream in served.values()]
    await caddy.router.apply(app, (route("web", f"{app}.localhost", *members),), epoch=caddy.epoch)
    asked = [await client.ask(f"{app}.localhost", method="POST", body=b"four") for _ in range(4)]
    assert {answer.body for answer in asked} == {"a 4", "b 4"}  # connections to both are kept now
    await served["a"].die()
    asked = [await client.ask(f"{app}.localhost", method="POST", body=b"four") for _ in range(30)]
    assert {(answer.status, answer.body) for answer in asked} == {(200, "b 4")}


async def test_a_websocket_lives_through_a_switch_and_a_load(caddy: CaddyRig) -> None:
    app, other, old, new = new_app(), new_app(), await caddy.member("a"), await caddy.member("b")
    await caddy.router.apply(app, (route("web", f"{app}.localhost", old),), epoch=caddy.epoch)
    client = await caddy.client()
    await client.send(f"{app}.localhost", "/echo", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")
    assert " 101 " in await client.head()
    await caddy.router.apply(app, (route("web", f"{app}.localhost", new),), epoch=caddy.epoch)
    await caddy.router.apply(other, (route("web", f"{other}.localhost", new),), epoch=caddy.epoch)
    client.writer.write(b"hello")
    async with asyncio.timeout(upstreams.WAIT_S):
        assert await client.reader.readexactly(7) == b"a:hello"
    assert (await caddy.router.in_flight())[old.endpoint] == 1


async def test_an_event_stream_comes_at_once_and_lives_through_a_switch_and_a_load(caddy: CaddyRig) -> None:
    app, other, new = new_app(), new_app(), await caddy.member("b")
    old = await caddy.upstream("a")
    await caddy.router.apply(app, (route("web", f"{app}.localhost", at(old.endpoint)),), epoch=caddy.epoch)
    client = await caddy.client()
    await client.send(f"{app}.localhost", "/events")
    async with asyncio.timeout(upstreams.WAIT_S):
        await client.reader.readuntil(b"data: first\n\n")
        await caddy.router.apply(app, (route("web", f"{app}.localhost", new),), epoch=caddy.epoch)
        await caddy.router.apply(other, (route("web", f"{other}.localhost", new),), epoch=caddy.epoch)
        old.go.set()
        await client.reader.readuntil(b"data: last\n\n")


async def test_a_large_body_passes(caddy: CaddyRig) -> None:
    app, member, size = new_app(), await caddy.member("a"), upstreams.LARGE
    await caddy.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=caddy.epoch)
    client = await caddy.client()
    assert (await client.ask(f"{app}.localhost", method="POST", body=bytes(size))).body == f"a {size}"
    assert len((await client.ask(f"{app}.localhost", "/large")).body) == size


async def test_a_body_is_passed_on_as_it_comes(caddy: CaddyRig) -> None:
    app, served, client = new_app(), await caddy.upstream("a"), await caddy.client()
    await caddy.router.apply(app, (route("web", f"{app}.localhost", at(served.endpoint)),), epoch=caddy.epoch)
    client.writer.write(f"POST / HTTP/1.1\r\nHost: {app}.localhost\r\nContent-Length: 9\r\n\r\nhalf".encode())
    async with asyncio.timeout(upstreams.WAIT_S):
        await served.arrived.wait()
    client.writer.write(b" done")
    assert " 200 " in await client.head()


async def test_the_app_sees_the_host_and_the_client_and_no_forged_one(caddy: CaddyRig) -> None:
    app = new_app()
    served = await caddy.upstream("a")
    await caddy.router.apply(app, (route("web", f"{app}.localhost", at(served.endpoint)),), epoch=caddy.epoch)
    await (await caddy.client()).ask(f"{app}.localhost:81", extra="X-Forwarded-For: 9.9.9.9\r\n")
    lines = {line.lower() for line in served.heads[0].splitlines()}
    expected = {f"host: {app}.localhost:81", "x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"}
    assert expected <= lines


async def test_http2_without_tls_reaches_the_app(caddy: CaddyRig) -> None:
    app, member = new_app(), await caddy.member("a")
    await caddy.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=caddy.epoch)
    reader, writer = await asyncio.open_connection(*caddy.listen.split(":"))
    authority = f"{app}.localhost".encode()
    headers = b"\x82\x86\x84\x01" + bytes([len(authority)]) + authority  # GET, http, /, :authority
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + http2.frame(4, 0, 0) + http2.frame(1, 5, 1, headers))
    async with asyncio.timeout(upstreams.WAIT_S):
        assert await _http2_body(reader) == b"a 0"
    await upstreams.closed(writer)


async def _http2_body(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        head = await reader.readexactly(9)
        payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
        body += payload if head[3] == 0 else b""
        if head[3] in (0, 1) and head[4] & 1:  # DATA or HEADERS that end the stream
            return body


async def test_the_access_log_has_no_query_and_no_headers(caddy: CaddyRig) -> None:
    app, member = new_app(), await caddy.member("a")
    await caddy.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=caddy.epoch)
    await (await caddy.client()).ask(f"{app}.localhost", "/path?token=hidden1", extra="Authorization: hidden2\r\n")
    text = await _access_log(caddy.directory, f'"app":"{app}"')
    [line] = [json.loads(line) for line in text.splitlines() if f'"app":"{app}"' in line]
    assert (line["request"]["host"], line["request"]["uri"], line["status"]) == (f"{app}.localhost", "/path", 200)
    assert (line["upstream"], line["request"]["client_ip"]) == (member.endpoint, "127.0.0.1")
    assert "hidden" not in text


async def _access_log(directory: Path, until: str) -> str:
    """Read the log once it has this: it is written when the answer has gone out."""
    async with asyncio.timeout(upstreams.WAIT_S):
        while True:
            text = "".join(file.read_text() for file in (directory / "log").glob("access-*.log"))
            if until in text:
                return text
            await rigs.SystemTime().sleep(0.01)


async def test_nobody_else_can_read_the_directory(caddy: CaddyRig) -> None:
    app, member = new_app(), await caddy.member("a")
    await caddy.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=caddy.epoch)
    for path in [caddy.directory, *caddy.directory.rglob("*")]:
        mode = path.lstat().st_mode
        assert stat.S_ISLNK(mode) or stat.S_IMODE(mode) & 0o077 == 0, path


async def test_sockets_of_earlier_loads_are_removed(caddy: CaddyRig) -> None:
    for app in (new_app(), new_app(), new_app()):
        await caddy.router.apply(app, (route("web", f"{app}.localhost"),), epoch=caddy.epoch)
    assert len(list((caddy.directory / "run").glob("back-*.*.sock"))) == 2


async def test_old_revisions_are_removed(caddy: CaddyRig) -> None:
    app, members = new_app(), [await caddy.member(name) for name in "ab"]
    for number in range(6):
        await caddy.router.apply(app, (route("web", f"{app}.localhost", members[number % 2]),), epoch=caddy.epoch)
    assert len(list((caddy.directory / "apps" / app).glob("rev-*"))) == 2
    await caddy.router.apply(app, (), epoch=caddy.epoch)
    assert not (caddy.directory / "apps" / app).exists()


async def test_more_members_than_slots_are_still_served(caddy: CaddyRig) -> None:
    app, member = new_app(), await caddy.member("a")
    members = tuple(Member(member.formation, member.endpoint) for _ in range(40))
    await caddy.router.apply(app, (Route("web", (f"{app}.localhost",), members),), epoch=caddy.epoch)
    assert await caddy.ask(f"{app}.localhost") == member.endpoint


async def test_a_cancelled_apply_has_either_not_begun_or_switched(caddy: CaddyRig) -> None:
    app, member = new_app(), await caddy.member("a")
    routes = (route("web", f"{app}.localhost", member),)
    applying = asyncio.create_task(caddy.router.apply(app, routes, epoch=caddy.epoch))
    await asyncio.sleep(0)
    applying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await applying
    assert await caddy.router.observe(app) in ((), routes)
    await caddy.router.apply(app, routes, epoch=caddy.epoch)
    assert await caddy.ask(f"{app}.localhost") == member.endpoint


async def test_a_restarted_rack_adopts_both_processes(own_caddy: CaddyRig) -> None:
    before = pids(own_caddy.directory)
    client, app, member = await own_caddy.client(), new_app(), await own_caddy.member("a")
    await own_caddy.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=own_caddy.epoch)
    await client.ask(f"{app}.localhost")
    await own_caddy.restart()
    assert pids(own_caddy.directory) == before
    assert (await client.ask(f"{app}.localhost")).status == 200


@pytest.mark.parametrize("victims", [("back-a", "back-b"), ("front",), PARTS])
async def test_what_is_killed_is_started_again(own_caddy: CaddyRig, victims: tuple[str, ...]) -> None:
    app, member = new_app(), await own_caddy.member("a")
    await own_caddy.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=own_caddy.epoch)
    before = pids(own_caddy.directory)
    await kill(own_caddy, victims)
    async with asyncio.timeout(upstreams.WAIT_S):
        assert await _ask_until_connected(own_caddy, f"{app}.localhost") == member.endpoint
        while len(pids(own_caddy.directory)) < len(PARTS):  # it may answer before it is noted
            await rigs.SystemTime().sleep(0.01)
    assert {name for name in before if pids(own_caddy.directory)[name] != before[name]} == set(victims)


async def _ask_until_connected(caddy: CaddyRig, host: str) -> str:
    while True:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            return await caddy.ask(host)
        await asyncio.sleep(0.01)


async def test_a_connected_client_waits_while_the_backs_are_started_again(own_caddy: CaddyRig) -> None:
    app, member, client = new_app(), await own_caddy.member("a"), await own_caddy.client()
    await own_caddy.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=own_caddy.epoch)
    assert (await client.ask(f"{app}.localhost")).status == 200
    await kill(own_caddy, names.BACKS)
    answer = await client.ask(f"{app}.localhost")
    assert (answer.status, answer.body) == (200, "a 0")


async def test_slots_that_were_lost_are_made_again_from_the_record(own_caddy: CaddyRig) -> None:
    app, member = new_app(), await own_caddy.member("a")
    await own_caddy.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=own_caddy.epoch)
    (own_caddy.directory / "apps" / app / "current").unlink()
    await own_caddy.restart()
    assert await own_caddy.ask(f"{app}.localhost") == member.endpoint


async def test_a_damaged_record_is_an_error_and_not_an_empty_answer(caddy: CaddyRig) -> None:
    app = new_app()
    await caddy.router.apply(app, (route("web", f"{app}.localhost"),), epoch=caddy.epoch)
    (caddy.directory / "apps" / app / "routes.json").write_text("{")
    with pytest.raises(RouterUnavailable, match=r"routes\.json"):
        await caddy.router.observe(app)
    await caddy.router.apply(app, (), epoch=caddy.epoch)


async def test_a_younger_rack_on_the_same_directory_takes_over(caddy: CaddyRig) -> None:
    app, member = new_app(), await caddy.member("a")
    await caddy.router.apply(app, (), epoch=caddy.epoch)
    younger = caddy.new_router()
    async with younger.run():
        await younger.apply(app, (route("web", f"{app}.localhost", member),), epoch=caddy.epoch + 1)
    with pytest.raises(StaleEpoch):
        await caddy.router.apply(app, (), epoch=caddy.epoch)
    assert await caddy.ask(f"{app}.localhost") == member.endpoint


async def test_an_address_in_use_is_an_error_with_the_reason(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        home = Home(tmp_path / "router", f"127.0.0.1:{taken.getsockname()[1]}")
        router = CaddyRouter(home.directory, home.listen, rigs.SystemTime())
        with pytest.raises(RouterUnavailable, match="in use"):
            async with router.run():
                pass
        await router.stop()


async def test_what_the_block_raises_comes_out_as_it_is(caddy: CaddyRig) -> None:
    with pytest.raises(ZeroDivisionError):
        async with caddy.new_router().run():
            raise ZeroDivisionError


async def test_stop_ends_both_and_leaves_the_routes(own_home: Home) -> None:
    async with AsyncExitStack() as stack:
        rig = rigs.CaddyRig(own_home.directory, own_home.listen, stack)
        await rig.start()
        app = new_app()
        await rig.router.apply(app, (route("web", f"{app}.localhost"),), epoch=rig.epoch)
        await rig.router.stop()
        assert pids(own_home.directory) == {}
        with pytest.raises(RouterUnavailable):
            await rig.router.in_flight()
        assert await rig.router.observe(app) == (route("web", f"{app}.localhost"),)
        await rig.leave()

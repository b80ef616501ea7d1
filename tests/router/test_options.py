"""What a manifest may ask of a route, on the real router: sticky clients, time limits, who may ask."""

import asyncio

import pytest

from sternway.core.formation import Member, RouteOptions
from tests.router import upstreams
from tests.router.rigs import CaddyRig, at, new_app, route

STICKY = RouteOptions(is_sticky=True)
HASTY = RouteOptions(timeout_s=1)


async def apply(caddy: CaddyRig, app: str, options: RouteOptions, *members: Member) -> str:
    await caddy.router.apply(app, (route("web", f"{app}.localhost", *members, options=options),), epoch=caddy.epoch)
    return f"{app}.localhost"


async def ask_with(client: upstreams.Client, host: str, cookie: str) -> upstreams.Answer:
    return await client.ask(host, method="POST", body=b"four", extra=f"Cookie: x=1; {cookie}; y=2\r\n")


async def test_a_sticky_client_stays_with_its_process(caddy: CaddyRig) -> None:
    members = [await caddy.member(name) for name in "abc"]
    host, client = await apply(caddy, new_app(), STICKY, *members), await caddy.client()
    for _ in range(3):
        first = await client.ask(host)
        assert {(await ask_with(client, host, first.cookies[0])).body[0] for _ in range(6)} == {first.body[0]}
    assert {(await client.ask(host)).body for _ in range(9)} == {"a 0", "b 0", "c 0"}


async def test_a_sticky_client_stays_when_other_processes_come_and_go(caddy: CaddyRig) -> None:
    app, [a, b, c, d] = new_app(), [await caddy.member(name) for name in "abcd"]
    host, client = await apply(caddy, app, STICKY, a, b, c), await caddy.client()
    first = await client.ask(host)
    mine, *others = sorted((a, b, c), key=lambda member: "abc".index(first.body[0]) != (a, b, c).index(member))
    await apply(caddy, app, STICKY, *sorted((mine, others[0], d)))
    assert (await ask_with(client, host, first.cookies[0])).body[0] == first.body[0]


async def test_a_sticky_client_whose_process_died_gets_another_and_stays_there(caddy: CaddyRig) -> None:
    served = {name: await caddy.upstream(name) for name in "ab"}
    host = await apply(caddy, new_app(), STICKY, *(at(upstream.endpoint) for upstream in served.values()))
    client = await caddy.client()
    first = await client.ask(host)
    await served.pop(first.body[0]).die()
    # A request that goes out on an open connection, just as the process dies, may be lost with it.
    second = await ask_with(client, host, first.cookies[0])
    if second.status == 502:
        second = await ask_with(client, host, first.cookies[0])
    [left] = served
    assert (second.status, second.body) == (200, f"{left} 4")
    assert (await ask_with(client, host, second.cookies[-1])).cookies == ()


async def test_an_answer_that_does_not_begin_in_time_is_504_and_what_has_begun_goes_on(caddy: CaddyRig) -> None:
    served = await caddy.upstream("a")
    host = await apply(caddy, new_app(), HASTY, at(served.endpoint))
    socket, events, slow = [await caddy.client() for _ in range(3)]
    await socket.send(host, "/echo", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")
    await events.send(host, "/events")
    async with asyncio.timeout(upstreams.WAIT_S):
        assert " 101 " in await socket.head()
        await events.reader.readuntil(b"data: first\n\n")
        answer = await slow.ask(host, "/slow", method="POST", body=b"four")
        assert (answer.status, answer.came_at - answer.sent_at >= HASTY.timeout_s) == (504, True)
        socket.writer.write(b"hello")
        assert await socket.reader.readexactly(7) == b"a:hello"
        served.go.set()
        await events.reader.readuntil(b"data: last\n\n")
    assert sum("/slow" in head for head in served.heads) == 1


async def test_a_slow_upload_is_not_cut(caddy: CaddyRig) -> None:
    served = await caddy.upstream("a")
    host = await apply(caddy, new_app(), HASTY, at(served.endpoint))
    upload, slow = await caddy.client(), await caddy.client()
    upload.writer.write(f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\nhalf".encode())
    assert (await slow.ask(host, "/slow")).status == 504  # longer than the limit has gone by
    upload.writer.write(b" done")
    assert " 200 " in await upload.head()


@pytest.mark.parametrize(
    ("clients", "status"),
    [((), 200), (("127.0.0.0/8",), 200), (("10.0.0.0/8", "127.0.0.1/32"), 200), (("10.0.0.0/8", "::1/128"), 403)],
)
async def test_only_clients_of_these_networks_may_ask(caddy: CaddyRig, clients: tuple[str, ...], status: int) -> None:
    host = await apply(caddy, new_app(), RouteOptions(clients=clients), await caddy.member("a"))
    assert (await (await caddy.client()).ask(host)).status == status


async def test_the_address_that_counts_is_that_of_the_connection(caddy: CaddyRig) -> None:
    host = await apply(caddy, new_app(), RouteOptions(clients=("127.0.0.9/32",)), await caddy.member("a"))
    async with upstreams.client(caddy.listen, own_host="127.0.0.9") as friend:
        assert (await friend.ask(host, extra="X-Forwarded-For: 10.0.0.1\r\n")).status == 200


@pytest.mark.parametrize(
    "forged",
    [
        "X-Forwarded-For: 10.0.0.1",
        "X-Forwarded-For: 10.0.0.1, 127.0.0.1\r\nX-Forwarded-For: 10.0.0.1",
        "X-Forwarded-For: 10.0.0.1\r\nConnection: X-Forwarded-For",
        "Forwarded: for=10.0.0.1\r\nX-Real-IP: 10.0.0.1\r\nClient-IP: 10.0.0.1",
    ],
)
async def test_no_header_makes_a_client_somebody_else(caddy: CaddyRig, forged: str) -> None:
    host = await apply(caddy, new_app(), RouteOptions(clients=("10.0.0.0/8",)), await caddy.member("a"))
    assert (await (await caddy.client()).ask(host, extra=f"{forged}\r\n")).status == 403


async def test_other_options_are_in_force_when_apply_returns(caddy: CaddyRig) -> None:
    app, member, client = new_app(), await caddy.member("a"), await caddy.client()
    await apply(caddy, app, RouteOptions(clients=("10.0.0.0/8",)), member)
    host = await apply(caddy, app, RouteOptions(), member)
    assert (await client.ask(host)).status == 200
    await apply(caddy, app, RouteOptions(clients=("10.0.0.0/8",)), member)
    assert (await client.ask(host)).status == 403


async def test_a_change_of_members_alone_loads_nothing(caddy: CaddyRig) -> None:
    app, [a, b] = new_app(), [await caddy.member(name) for name in "ab"]
    host = await apply(caddy, app, STICKY, a)
    live = (caddy.directory / "live").read_text()
    await apply(caddy, app, STICKY, b)
    assert (caddy.directory / "live").read_text() == live
    assert await caddy.ask(host) == b.endpoint

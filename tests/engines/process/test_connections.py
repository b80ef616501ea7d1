"""Which hosts are services, and connections whose other side behaves badly."""

import asyncio

import pytest

from sternway.engines.process import connections


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("web.shop", ("web", "shop")),
        ("WEB.shop.", ("web", "shop")),
        ("web.shop.internal.localhost", ("web", "shop")),
        ("shop", None),
        ("a.b.c", None),
        (".shop", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_a_service_is_named_by_itself_and_its_app(host: str, service: tuple[str, str] | None):
    assert connections.service_of(host) == service


async def test_who_sends_to_somebody_that_hung_up_is_not_held_up():
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_server(hang_up, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(10), connections.opened("127.0.0.1", port) as connection:
            assert [chunk async for chunk in connection.output()] == []
            for _ in range(100):
                await connection.write(b"x" * 100_000)
            await connection.end_input()


async def test_what_was_sent_last_arrives_also_when_the_sender_leaves_at_once():
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1") as server:
        async with connections.opened("127.0.0.1", server.sockets[0].getsockname()[1]) as connection:
            await connection.write(b"x" * 10_000_000)
        async with asyncio.timeout(10):
            assert len(await received) == 10_000_000

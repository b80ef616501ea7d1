import asyncio
import contextlib
import select
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sternway.api import websocket
from sternway.api.websocket import RAW_TEXT
from tests.api.server import serving

NOT_UTF8 = bytes(range(256))
Talk = Callable[[Scope, Receive, Send], Awaitable[None]]


def accepting(talk: Talk) -> Talk:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        await talk(scope, receive, send)

    return app


async def test_text_frames_go_out_with_any_bytes():
    @accepting
    async def app(scope, receive, send):
        await send({"type": "websocket.send", RAW_TEXT: NOT_UTF8})

    async with serving(app) as address, connect(f"ws://{address}/") as client:
        assert await client.recv(decode=False) == NOT_UTF8


async def test_text_frames_are_text_on_the_wire():
    @accepting
    async def app(scope, receive, send):
        await send({"type": "websocket.send", RAW_TEXT: b"line\n"})

    async with serving(app) as address, connect(f"ws://{address}/") as client:
        assert await client.recv() == "line\n"


async def test_text_frames_come_in_with_any_bytes():
    got: asyncio.Queue[Message] = asyncio.Queue()

    @accepting
    async def app(scope, receive, send):
        await got.put(await receive())

    async with serving(app) as address, connect(f"ws://{address}/") as client:
        await client.send(NOT_UTF8, text=True)
        message = await got.get()
    assert message["bytes"] == NOT_UTF8
    assert message[RAW_TEXT]


async def test_fragments_are_put_together():
    got: asyncio.Queue[Message] = asyncio.Queue()

    @accepting
    async def app(scope, receive, send):
        await got.put(await receive())

    async with serving(app) as address, connect(f"ws://{address}/") as client:
        await client.send(["one ", "two"])
        assert (await got.get())["bytes"] == b"one two"


async def test_binary_frames_keep_their_kind_both_ways():
    @accepting
    async def app(scope, receive, send):
        message = await receive()
        assert RAW_TEXT not in message
        await send({"type": "websocket.send", "bytes": message["bytes"]})

    async with serving(app) as address, connect(f"ws://{address}/") as client:
        await client.send(b"")
        assert await client.recv() == b""


async def test_plain_asgi_text_goes_out_as_text():
    @accepting
    async def app(scope, receive, send):
        await send({"type": "websocket.send", "text": "häuser"})

    async with serving(app) as address, connect(f"ws://{address}/") as client:
        assert await client.recv() == "häuser"


async def test_options_travel_as_headers_of_the_handshake():
    seen: dict[bytes, bytes] = {}

    @accepting
    async def app(scope, receive, send):
        seen.update(scope["headers"])
        seen[b"path"] = scope["path"].encode()
        seen[b"query"] = scope["query_string"]

    headers = {"Since": "5s", "Filter": "a b"}
    async with serving(app) as address, connect(f"ws://{address}/apps/a%20b?x=1", additional_headers=headers) as client:
        await client.wait_closed()
    assert (seen[b"since"], seen[b"filter"], seen[b"path"], seen[b"query"]) == (b"5s", b"a b", b"/apps/a b", b"x=1")


async def test_pings_are_answered_while_the_application_does_nothing():
    left = asyncio.Event()

    @accepting
    async def app(scope, receive, send):
        await receive()
        left.set()

    async with serving(app) as address:
        async with connect(f"ws://{address}/") as client:
            await asyncio.wait_for(await client.ping(), 5)
        await asyncio.wait_for(left.wait(), 5)


async def test_application_hears_that_the_client_left_without_a_word():
    left: asyncio.Queue[Message] = asyncio.Queue()

    @accepting
    async def app(scope, receive, send):
        await left.put(await receive())

    async with serving(app) as address, connect(f"ws://{address}/") as client:
        client.transport.abort()
        assert (await asyncio.wait_for(left.get(), 5))["type"] == "websocket.disconnect"


async def test_sending_to_a_client_that_left_is_an_os_error():
    raised: asyncio.Queue[Exception] = asyncio.Queue()

    @accepting
    async def app(scope, receive, send):
        await receive()
        try:
            await send({"type": "websocket.send", "text": "too late"})
        except OSError as exc:
            await raised.put(exc)

    async with serving(app) as address:
        async with connect(f"ws://{address}/"):
            pass
        await asyncio.wait_for(raised.get(), 5)


async def test_sender_waits_for_a_client_that_does_not_read():
    sent = 0
    stuck = asyncio.Event()

    @accepting
    async def app(scope, receive, send):
        nonlocal sent
        while True:
            try:
                await asyncio.wait_for(send({"type": "websocket.send", RAW_TEXT: b"x" * 100_000}), 0.3)
            except TimeoutError:
                stuck.set()
                return
            sent += 1

    async with serving(app) as address, connect(f"ws://{address}/", max_queue=1) as client:
        await asyncio.wait_for(stuck.wait(), 20)
        client.transport.abort()
    assert 0 < sent < 500


async def test_peer_waits_for_an_application_that_does_not_read():
    go_on = asyncio.Event()
    count = 0

    @accepting
    async def app(scope, receive, send):
        nonlocal count
        await go_on.wait()
        while (await receive())["type"] == "websocket.receive":
            count += 1

    async with serving(app) as address, connect(f"ws://{address}/") as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(send_without_end(client), 1)
        assert count == 0
        go_on.set()
        await client.send(b"the last")


async def send_without_end(client):
    while True:
        await client.send(b"x" * 100_000)


async def test_refusal_carries_status_headers_and_body():
    async def app(scope, receive, send):
        headers = [(b"www-authenticate", b"Basic")]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"no ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"entry\n"})

    async with serving(app) as address:
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://{address}/").__aenter__()
    response = caught.value.response
    assert (response.status_code, response.body) == (401, b"no entry\n")
    assert response.headers["WWW-Authenticate"] == "Basic"


@pytest.mark.parametrize(("first", "status"), [("websocket.close", 403), (None, 500)])
async def test_unanswered_handshake_is_refused(first, status):
    async def app(scope, receive, send):
        if first:
            await send({"type": first})

    async with serving(app) as address:
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://{address}/").__aenter__()
    assert caught.value.response.status_code == status


@pytest.mark.filterwarnings("ignore")
async def test_failing_application_closes_with_1011():
    @accepting
    async def app(scope, receive, send):
        raise ZeroDivisionError

    async with serving(app) as address, connect(f"ws://{address}/") as client:
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1011


async def test_handshake_that_is_none_is_refused():
    async def app(scope, receive, send):
        raise AssertionError("never called")

    async with serving(app) as address:
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")


async def raw_client(address: str) -> socket.socket:
    host, _, port = address.partition(":")
    client = await asyncio.to_thread(socket.create_connection, (host, int(port)), 5)
    head = (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await asyncio.to_thread(client.sendall, head)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += await asyncio.to_thread(client.recv, 1)
    return client


def read_to_end(client: socket.socket) -> bytes:
    found = bytearray()
    while chunk := client.recv(65536):
        found += chunk
    return bytes(found)


async def test_client_that_still_talks_reads_everything_to_the_end():
    """A close with unread bytes of the client would reset the connection and take from it what it has yet to read."""
    has_sent = asyncio.Event()

    @accepting
    async def app(scope, receive, send):
        for _ in range(40):
            await send({"type": "websocket.send", RAW_TEXT: b"x" * 10_000})
        await send({"type": "websocket.send", "bytes": b""})
        await send({"type": "websocket.close"})
        has_sent.set()

    async with serving(app) as address:
        client = await raw_client(address)
        await asyncio.wait_for(has_sent.wait(), 5)
        for _ in range(20):
            client.sendall(b"\x89\x80\0\0\0\0")  # a ping
        content = await asyncio.to_thread(read_to_end, client)
        client.close()
    assert content.count(b"x") >= 400_000
    assert content.endswith(b"\x82\x00" + b"\x88\x02\x03\xe8")


LARGE = b"x" * 16_000_000


@accepting
async def send_much_and_close(scope, receive, send):
    await send({"type": "websocket.send", RAW_TEXT: LARGE})
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(send({"type": "websocket.close"}), 0.2)


async def test_slow_client_is_waited_for(monkeypatch):
    monkeypatch.setattr(websocket, "LINGER_S", 0.2)
    async with serving(send_much_and_close) as address:
        client = await raw_client(address)
        content = await asyncio.to_thread(read_slowly, client)
        client.close()
    assert content.count(b"x") == len(LARGE)


def read_slowly(client: socket.socket) -> bytes:
    found = bytearray()
    while chunk := client.recv(200_000):
        found += chunk
        select.select([], [], [], 0.005)
    return bytes(found)


async def test_client_that_takes_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(websocket, "LINGER_S", 0.2)
    left: asyncio.Queue[asyncio.Task[Message]] = asyncio.Queue()

    async def app(scope, receive, send):
        await send_much_and_close(scope, receive, send)
        await left.put(asyncio.create_task(receive()))

    async with serving(app) as address:
        client = await raw_client(address)
        message = await asyncio.wait_for(await left.get(), 5)
        client.close()
    assert message["type"] == "websocket.disconnect"


async def test_connection_is_over_once_the_client_leaves():
    done: Any = asyncio.Event()

    @accepting
    async def app(scope, receive, send):
        await send({"type": "websocket.send", "bytes": b""})
        await send({"type": "websocket.close"})
        done.set()

    loop = asyncio.get_running_loop()
    async with serving(app) as address:
        client = await raw_client(address)
        await asyncio.wait_for(done.wait(), 5)
        client.close()
        began_at = loop.time()
    assert loop.time() - began_at < 1.5


async def test_frames_against_the_protocol_end_the_connection():
    left: asyncio.Queue[Message] = asyncio.Queue()

    @accepting
    async def app(scope, receive, send):
        await left.put(await receive())

    async with serving(app) as address:
        client = await raw_client(address)
        client.sendall(b"\x81\x01x")  # not masked
        content = await asyncio.to_thread(read_to_end, client)
        client.close()
        assert (await asyncio.wait_for(left.get(), 5))["type"] == "websocket.disconnect"
    assert b"\x88" in content


async def test_stopping_server_tells_clients_and_applications():
    left: asyncio.Queue[Message] = asyncio.Queue()

    @accepting
    async def app(scope, receive, send):
        await left.put(await receive())

    async with serving(app) as address:
        client = await connect(f"ws://{address}/").__aenter__()
    await client.wait_closed()
    assert client.close_code == 1012
    assert left.get_nowait()["code"] == 1012

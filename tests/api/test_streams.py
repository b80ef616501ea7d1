import asyncio

from fastapi import FastAPI, WebSocket
from starlette.testclient import TestClient
from websockets.asyncio.client import connect

from sternway.api import streams
from sternway.core.errors import NotFound
from tests.api.server import serving


def streaming(chunks) -> FastAPI:
    app = FastAPI()

    @app.websocket("/")
    async def stream(websocket: WebSocket) -> None:
        await streams.serve(websocket, chunks())

    return app


async def frames(app: FastAPI) -> list[str | bytes]:
    async with serving(app) as address, connect(f"ws://{address}/") as client:
        return [frame async for frame in client]


async def test_one_empty_binary_frame_ends_the_stream():
    async def chunks():
        yield b"one\n"
        yield b""
        yield b"two\n"

    assert await frames(streaming(chunks)) == ["one\n", "two\n", b""]


async def test_error_is_a_line_before_the_end():
    async def chunks():
        yield b"one\n"
        raise NotFound("app not found: shop", hint="sternway apps")

    assert await frames(streaming(chunks)) == ["one\n", "ERROR: app not found: shop\n", b""]


async def test_what_nobody_foresaw_is_a_fixed_line(caplog):
    async def chunks():
        yield b"one\n"
        raise ZeroDivisionError("secret")

    assert await frames(streaming(chunks)) == ["one\n", "ERROR: internal error\n", b""]
    assert "stream failed" in caplog.text


async def test_source_is_closed_when_the_client_leaves():
    closed = asyncio.Event()

    async def chunks():
        try:
            yield b"one\n"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with serving(streaming(chunks)) as address:
        async with connect(f"ws://{address}/") as client:
            await client.recv()
        await asyncio.wait_for(closed.wait(), 5)


async def test_end_of_what_the_client_sends_does_not_end_the_stream():
    go_on = asyncio.Event()

    async def chunks():
        await go_on.wait()
        yield b"still here\n"

    async with serving(streaming(chunks)) as address, connect(f"ws://{address}/") as client:
        await client.send(b"")
        await (await client.ping())
        go_on.set()
        assert await client.recv() == "still here\n"


async def test_followers_leave_when_the_server_stops():
    closed = asyncio.Event()

    async def chunks():
        try:
            yield b"one\n"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with serving(streaming(chunks)) as address:
        client = await connect(f"ws://{address}/").__aenter__()
        await client.recv()
    assert closed.is_set()
    await client.wait_closed()


def test_server_without_our_layer_gets_what_utf_8_can_hold():
    async def chunks():
        yield b"caf\xe9\n"

    with TestClient(streaming(chunks)).websocket_connect("/") as session:
        assert session.receive_text() == "caf\ufffd\n"
        assert session.receive_bytes() == b""

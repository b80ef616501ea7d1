"""Streams over WebSockets: text frames carry bytes, one empty binary frame ends them.

Clients take an error from the stream itself, as a line that begins with `ERROR:`.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from starlette.websockets import WebSocket, WebSocketDisconnect

from sternway.api.errors import InternalError
from sternway.api.websocket import RAW_TEXT
from sternway.core.errors import SternwayError
from sternway.wire.stream import END_OF_STREAM

log = logging.getLogger(__name__)


async def serve(websocket: WebSocket, chunks: AsyncIterator[bytes]) -> None:
    """Send the chunks, then the end; stop reading them as soon as the client leaves."""
    await websocket.accept()
    async with asyncio.TaskGroup() as tasks:
        both = {tasks.create_task(_send_all(websocket, chunks)), tasks.create_task(_until_left(websocket))}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()


async def send_text(websocket: WebSocket, content: bytes) -> None:
    """Send a text frame of any bytes; a server without our layer gets them as near as UTF-8 can come.

    An empty one is left out: some clients take any empty frame for the end.
    """
    if not content:
        return
    if RAW_TEXT in websocket.scope.get("extensions", {}):
        await websocket.send({"type": "websocket.send", RAW_TEXT: content})
    else:
        await websocket.send_text(content.decode("utf-8", "replace"))


async def _send_all(websocket: WebSocket, chunks: AsyncIterator[bytes]) -> None:
    try:
        await _send_chunks(websocket, chunks)
        await websocket.send_bytes(END_OF_STREAM)
        await websocket.close()
    except WebSocketDisconnect:
        return


async def _send_chunks(websocket: WebSocket, chunks: AsyncIterator[bytes]) -> None:
    try:
        async with aclosing(_generator(chunks)) as source:
            async for chunk in source:
                await send_text(websocket, chunk)
    except SternwayError as error:
        await send_text(websocket, f"ERROR: {error.message}\n".encode())
    except WebSocketDisconnect:
        raise
    except Exception:
        log.exception("stream failed", extra={"path": websocket.url.path})
        await send_text(websocket, f"ERROR: {InternalError().message}\n".encode())


async def _generator(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Close the source with this generator, whatever kind of iterator it is."""
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


async def _until_left(websocket: WebSocket) -> None:
    """Read past whatever the client sends; the end of its own stream is no reason to stop ours."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass

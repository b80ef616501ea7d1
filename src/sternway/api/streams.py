"""Streams over WebSockets: text frames carry bytes, one empty binary frame ends them, each way.

Clients take an error from the stream itself, as a line that begins with `ERROR:`; those that list JSON among
what they accept have their handshake refused with an error that is known by then.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TypeVar

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from sternway.api import errors
from sternway.api.errors import InternalError
from sternway.api.websocket import LEFT, RAW_TEXT
from sternway.core.errors import SternwayError
from sternway.ports import Pipe
from sternway.wire.stream import END_OF_STREAM

P = TypeVar("P", bound=Pipe)
Ending = Callable[[P], Awaitable[bytes]]

log = logging.getLogger(__name__)


async def serve(websocket: WebSocket, chunks: AsyncIterator[bytes]) -> None:
    """Send the chunks, then the end; stop reading them as soon as the client leaves."""
    await websocket.accept()
    await _first(_send_all(websocket, chunks), _until_left(websocket))


async def converse(
    websocket: WebSocket, opened: AbstractAsyncContextManager[P], ending: Ending[P] | None = None, failed: bytes = b""
) -> None:
    """Carry bytes both ways until the other side's output has ended or the client leaves, then leave the block.

    `ending` returns a last frame, once the output has ended; `failed` is sent in its place after an error.
    Whoever is slow, the client or the other side, makes the one that sends wait.
    """
    try:
        async with opened as pipe:
            await websocket.accept()
            output = _send_all(websocket, _frames(pipe, ending), failed)
            await _first(output, _take_input(websocket, pipe), _until_gone(websocket))
    except SternwayError as error:
        await _report(websocket, error, failed)


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


async def _first(*directions: Awaitable[None]) -> None:
    """Wait for the first to be done, and end the others."""
    async with asyncio.TaskGroup() as tasks:
        running = {tasks.create_task(_awaited(direction)) for direction in directions}
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()


async def _awaited(direction: Awaitable[None]) -> None:
    await direction


async def _send_all(websocket: WebSocket, chunks: AsyncIterator[bytes], failed: bytes = b"") -> None:
    try:
        if not await _send_chunks(websocket, chunks):
            await send_text(websocket, failed)
        await _end(websocket)
    except WebSocketDisconnect:
        return


async def _send_failure(websocket: WebSocket, error: SternwayError, failed: bytes) -> None:
    try:
        await send_text(websocket, _line(error))
        await send_text(websocket, failed)
        await _end(websocket)
    except WebSocketDisconnect:
        return


async def _end(websocket: WebSocket) -> None:
    await websocket.send_bytes(END_OF_STREAM)
    await websocket.close()


async def _send_chunks(websocket: WebSocket, chunks: AsyncIterator[bytes]) -> bool:
    """Send them, an error as a line; tell whether there was none."""
    try:
        async with aclosing(_generator(chunks)) as source:
            async for chunk in source:
                await send_text(websocket, chunk)
    except SternwayError as error:
        await send_text(websocket, _line(error))
    except WebSocketDisconnect:
        raise
    except Exception:
        log.exception("stream failed", extra={"path": websocket.url.path})
        await send_text(websocket, _line(InternalError()))
    else:
        return True
    return False


def _line(error: SternwayError) -> bytes:
    return f"ERROR: {error.message}\n".encode()


async def _generator(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Close the source with this generator, whatever kind of iterator it is."""
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


async def _frames(pipe: P, ending: Ending[P] | None) -> AsyncIterator[bytes]:
    async for chunk in pipe.output():
        yield chunk
    if ending:
        yield await ending(pipe)


async def _until_left(websocket: WebSocket) -> None:
    """Read past whatever the client sends; the end of its own stream is no reason to stop ours."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _until_gone(websocket: WebSocket) -> None:
    """Wait until the client has left, also while nothing that it sends is taken; some servers cannot tell."""
    left: asyncio.Event = websocket.scope.get("extensions", {}).get(LEFT, {}).get("event") or asyncio.Event()
    await left.wait()


async def _take_input(websocket: WebSocket, pipe: Pipe) -> None:
    """Hand on what the client sends until it leaves; the end of its input is no reason to stop."""
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        try:
            await _hand_on(message, pipe)
        except SternwayError as error:
            # What is wrong there shows in the output as well, where it can be said.
            log.info("input was dropped", extra={"path": websocket.url.path, "code": error.code})


async def _hand_on(message: Message, pipe: Pipe) -> None:
    if (text := message.get("text")) is not None:
        await pipe.write(text.encode())
    elif content := message.get("bytes"):
        await pipe.write(content)
    elif RAW_TEXT not in message:
        await pipe.end_input()


async def _report(websocket: WebSocket, error: SternwayError, failed: bytes) -> None:
    """Answer what could not be begun: the handshake with the error, or a stream that says nothing else."""
    if websocket.application_state is not WebSocketState.CONNECTING:
        log.warning("session ended badly", extra={"path": websocket.url.path, "code": error.code})
    elif errors.accepts_json(websocket):
        await websocket.send_denial_response(errors.answer(websocket, error))
    else:
        await websocket.accept()
        await _first(_send_failure(websocket, error, failed), _until_left(websocket))

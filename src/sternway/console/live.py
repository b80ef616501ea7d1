"""Server-sent events: parts of a page, sent again whenever they have changed.

An event carries a whole part, so whoever lost the connection has everything with the next one. A stream ends when
the browser leaves, or the rack is about to end.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from starlette.responses import StreamingResponse

from sternway.ops.changes import Changes

LOOK_AGAIN_S = 3.0
"""What runs may change without a word: how often it is looked at while a page is open."""
HEARTBEAT_S = 15.0
RETRY_MS = 1000
MAX_OPEN = 256

Parts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `id` is what a browser says when it comes back."""

    name: str
    data: str
    id: str = ""


def encode(event: Event) -> bytes:
    """Return the event as it goes over the line."""
    head = f"event: {event.name}\n" + (f"id: {event.id}\n" if event.id else "")
    lines = "".join(f"data: {line}\n" for line in event.data.splitlines() or [""])
    return f"{head}{lines}\n".encode()


async def changing(
    changes: Changes, topic: str, parts: Callable[[], Awaitable[Parts]], pause_s: float = LOOK_AGAIN_S
) -> AsyncGenerator[Event, None]:
    """Yield each part at once, and again when it has changed."""
    sent: dict[str, str] = {}
    while not changes.is_over:
        seen = changes.version(topic)
        for name, data in (await parts()).items():
            if sent.get(name) != data:
                sent[name] = data
                yield Event(name, data)
        await changes.wait(topic, seen, pause_s)


def answer(events: AsyncGenerator[Event, None]) -> StreamingResponse:
    """Answer with the events as they come, and a sign of life where none do."""
    return StreamingResponse(_lines(events), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _lines(events: AsyncGenerator[Event, None]) -> AsyncIterator[bytes]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    async with aclosing(_with_heartbeats(events)) as found:
        async for event in found:
            yield encode(event) if event else b": still here\n\n"


async def _with_heartbeats(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event | None, None]:
    """Yield None whenever nothing came for a while. What is waited for goes on being waited for."""
    coming = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=HEARTBEAT_S)
            if not done:
                yield None
                continue
            event = coming.result()
            if event is None:
                return
            yield event
            coming = asyncio.ensure_future(anext(events, None))
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await events.aclose()

"""Streams of those who may be refused later on: a user, or a token. They end soon after their right to them does."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sternway.core.access import Principal
from sternway.core.errors import Refused, SternwayError, Unauthenticated
from sternway.ops.changes import RACK
from sternway.ops.rack import Rack

LOOK_S = 15.0
"""How often one looks again though nobody said that something changed."""
REVOKED = "ERROR: access was revoked, or is expired\n"
POLICY_VIOLATION = 1008

Check = Callable[[], Awaitable[Principal]]


async def serve(app: ASGIApp, call: tuple[Scope, Receive, Send], rack: Rack, check: Check) -> None:
    """Serve a stream until it ends, or until `check` raises Unauthenticated or Refused: then say so and end it."""
    scope, receive, send = call
    socket = _Socket(send)
    serving = asyncio.create_task(_begun(app(scope, receive, socket.send)))
    watching = asyncio.create_task(_until_revoked(rack, check))
    try:
        await asyncio.wait({serving, watching}, return_when=asyncio.FIRST_COMPLETED)
        is_revoked = not serving.done()
    finally:
        for task in (serving, watching):
            task.cancel()
        await asyncio.wait({serving, watching})
    if not is_revoked:
        return serving.result()
    await socket.end()


class _Socket:
    """Sends, and knows whether the stream is open."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_open = False

    async def send(self, message: Message) -> None:
        """Send on."""
        if message["type"] == "websocket.accept":
            self._is_open = True
        elif message["type"] == "websocket.close":
            self._is_open = False
        await self._send(message)

    async def end(self) -> None:
        """Say why it ends, and end it; before it is open, refuse it."""
        if self._is_open:
            await self._send({"type": "websocket.send", "text": REVOKED})
        await self._send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ""})


async def _begun(serving: Awaitable[None]) -> None:
    await serving


async def _until_revoked(rack: Rack, check: Check) -> None:
    """Return once the caller may not have this stream any more; what cannot be found out changes nothing."""
    expires_at = None
    while not rack.changes.is_over:
        seen = rack.changes.version(RACK)
        try:
            expires_at = (await check()).expires_at
        except (Unauthenticated, Refused):
            return
        except SternwayError:
            pass  # looked at again, soon
        left_s = (expires_at - rack.clock.now()).total_seconds() if expires_at else LOOK_S
        await rack.changes.wait(RACK, seen, min(LOOK_S, max(0.0, left_s)))
    await asyncio.Event().wait()

"""Long calls to an engine that tell how they get on: a pull, a push, a build.

The client library's own reader takes a connection that broke for a good end, refuses long lines, and reads what is
to be sent on the event loop; hence this one. An engine says 200 first and how it ended last.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiodocker
import aiohttp

from sternway.core.errors import EngineUnavailable
from sternway.engines.docker.calls.connection import Connection, translated

Message = Mapping[str, Any]
Say = Callable[[str], None]
"""Takes one line for people."""

STALLED_S = 120.0
"""How long an engine may be silent while it pulls or pushes; it tells of progress several times a second."""
MESSAGE_BYTES = 16 * 1024 * 1024
UNREACHABLE = 900
"""What the client library gives as status when nothing answered."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of an engine, and in words for people. Headers may hold passwords: they are in no repr."""

    doing: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: AsyncIterator[bytes] | None = field(default=None, repr=False)
    silent_s: float | None = STALLED_S


async def follow(connection: Connection, call: Call, hear: Callable[[Message], None]) -> None:
    """Make the call and hear each message of its answer, to the end. Cancelling it ends the work in the engine.

    Raises `aiodocker.DockerError` with the reason if the engine declines or fails at it, and EngineUnavailable if it
    does not answer or breaks off.
    """
    with declinable(call.doing):
        await _follow(connection, call, hear)


@contextlib.contextmanager
def declinable(doing: str) -> Iterator[None]:
    """Let through what an engine that answers says (`aiodocker.DockerError`); else raise EngineUnavailable."""
    try:
        yield
    except aiodocker.DockerError as problem:
        if problem.status != UNREACHABLE:
            raise
        with translated(doing):
            raise
    except (aiohttp.ClientError, OSError, TimeoutError):
        with translated(doing):
            raise


async def _follow(connection: Connection, call: Call, hear: Callable[[Message], None]) -> None:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=call.silent_s)
    # The library's public calls cannot stream a body without blocking, nor name registries or a target.
    asking = connection.docker._query(
        call.path,
        "POST",
        params=dict(call.params),
        headers={"Content-Type": "application/x-tar" if call.body else "application/json", **call.headers},
        data=call.body,
        timeout=timeout,
    )
    async with asking as response:
        try:
            async for line in _lines(response.content):
                hear(_checked(json.loads(line)))
        finally:
            response.close()  # which ends the work, wherever it stands


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
        if len(rest) > MESSAGE_BYTES:
            raise EngineUnavailable(f"the Docker engine sent a message of more than {MESSAGE_BYTES} bytes")
    if rest.strip():
        yield rest


def _checked(message: Message) -> Message:
    if not (message.get("errorDetail") or message.get("error")):
        return message
    detail = message.get("errorDetail")
    told = detail.get("message") if isinstance(detail, dict) else None
    raise aiodocker.DockerError(0, str(told or message.get("error")))


def progress(message: Message) -> str:
    """Return what a message of a pull or a push says in a line that lasts; nothing for bars that move."""
    status = str(message.get("status", "")).strip()
    layer = message.get("id")
    if layer and status not in _LASTING and not status.startswith(("Pulling from", "Mounted from")):
        return ""
    return f"{layer}: {status}" if layer else status


_LASTING = frozenset({"Pull complete", "Already exists", "Pushed", "Layer already exists"})

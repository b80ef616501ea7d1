"""What an engine tells of the containers of a rack while it happens."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp

from sternway.core.errors import EngineUnavailable
from sternway.engines.docker import labels
from sternway.engines.docker.calls.connection import QUICK_S, Connection, translated

SILENT_S = 15.0
"""After so long without a word the engine is asked whether it is still there."""
_SILENT = "the Docker engine does not answer"
_HINT = "is it running? try: docker info"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a container. `what` is the engine's word; `marks` are labels and attributes."""

    what: str
    container_id: str
    marks: Mapping[str, str]


@contextlib.asynccontextmanager
async def opened(connection: Connection, rack: str) -> AsyncIterator[AsyncIterator[Event]]:
    """Follow the events of a rack's containers from now on.

    Raises EngineUnavailable if the engine does not answer; the iterator raises it when the engine goes away.
    """
    filters = labels.encoded({**labels.selecting(rack, kind=labels.FORMATION), "type": ["container"]})
    endless = aiohttp.ClientTimeout(total=None, sock_connect=5.0)
    with translated(_SILENT):
        asking = connection.docker._query("events", params={"filters": filters}, timeout=endless)
        async with asyncio.timeout(QUICK_S):
            response = await asking.__aenter__()
    try:
        yield _events(connection, response.content)
    finally:
        response.close()


async def _events(connection: Connection, content: aiohttp.StreamReader) -> AsyncIterator[Event]:
    rest = b""
    while True:
        chunk = await _chunk(connection, content)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield _event(json.loads(line))


async def _chunk(connection: Connection, content: aiohttp.StreamReader) -> bytes:
    """Return what comes next. Where nothing comes, an engine that still answers is one that has nothing to tell."""
    while True:
        try:
            # What was read is not lost with the time-out: it stays in the reader until it is returned.
            async with asyncio.timeout(SILENT_S):
                chunk = await content.readany()
        except TimeoutError:
            await _ping(connection)
            continue
        except (aiohttp.ClientError, OSError) as problem:
            raise EngineUnavailable("the Docker engine went away", hint=_HINT) from problem
        if not chunk:
            raise EngineUnavailable("the Docker engine went away", hint=_HINT)
        return chunk


async def _ping(connection: Connection) -> None:
    with translated(_SILENT):
        async with asyncio.timeout(QUICK_S), connection.docker._query("_ping", versioned_api=False) as response:
            await response.read()


def _event(said: Mapping[str, object]) -> Event:
    actor = said.get("Actor")
    actor = actor if isinstance(actor, dict) else {}
    marks = actor.get("Attributes")
    return Event(str(said.get("Action", "")), str(actor.get("ID", "")), marks if isinstance(marks, dict) else {})

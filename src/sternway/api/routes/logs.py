"""Routes of logs. What is wanted travels in the headers of the handshake."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, WebSocket
from starlette.datastructures import Headers

from sternway.api import durations, streams
from sternway.api.inputs import AppName, ProcessId, ServiceName, rack_of
from sternway.core.errors import InvalidInput
from sternway.ops import processes
from sternway.ports import LogLine, LogQuery

DEFAULT_SINCE = "2m"
TAIL_MAX = 100_000

router = APIRouter(tags=["logs"])


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Whose lines are wanted: of the whole app, or of one service or process."""

    service: str | None = None
    process: str | None = None


@router.websocket("/apps/{app}/logs")
async def follow_app(websocket: WebSocket, app: AppName) -> None:
    """Stream what the processes of an app print and what the rack does for it."""
    await streams.serve(websocket, _lines(websocket, app, Narrowing()))


@router.websocket("/system/logs")
async def follow_rack(websocket: WebSocket) -> None:
    """Say where the rack's own log is: its API may be the very thing that fails."""
    await streams.serve(websocket, _elsewhere())


@router.websocket("/apps/{app}/services/{service}/logs")
async def follow_service(websocket: WebSocket, app: AppName, service: ServiceName) -> None:
    """Stream what the processes of a service print."""
    await streams.serve(websocket, _lines(websocket, app, Narrowing(service=service)))


@router.websocket("/apps/{app}/processes/{process}/logs")
async def follow_process(websocket: WebSocket, app: AppName, process: ProcessId) -> None:
    """Stream what one process prints."""
    await streams.serve(websocket, _lines(websocket, app, Narrowing(process=process)))


def query_of(headers: Headers, now: datetime, narrowing: Narrowing) -> LogQuery:
    """Read the options of a handshake; raises InvalidInput that names the header."""
    return LogQuery(
        since=now - durations.parse(headers.get("since") or DEFAULT_SINCE, "Since"),
        tail=_tail(headers.get("tail")),
        service=narrowing.service,
        process=narrowing.process,
        follow=headers.get("follow", "true") == "true",
    )


def shown(line: LogLine, *, with_prefix: bool) -> bytes:
    """Return the line as clients print it."""
    if not with_prefix:
        return line.text + b"\n"
    at = line.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{at} {line.source} ".encode() + line.text + b"\n"


async def _lines(websocket: WebSocket, app: str, narrowing: Narrowing) -> AsyncIterator[bytes]:
    rack, headers = rack_of(websocket), websocket.headers
    wanted = headers.get("filter", "").encode("latin-1", "replace")
    with_prefix = headers.get("prefix") == "true"
    async for line in processes.logs(rack, app, query_of(headers, rack.clock.now(), narrowing)):
        if wanted in line.text:
            yield shown(line, with_prefix=with_prefix)


async def _elsewhere() -> AsyncIterator[bytes]:
    yield b"the rack writes its log to its standard error\n"


def _tail(text: str | None) -> int | None:
    if not text or text == "0":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise InvalidInput("Tail: not a number of lines", hint="leave it out for all")
    return min(int(text), TAIL_MAX)

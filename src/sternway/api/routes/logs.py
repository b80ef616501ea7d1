"""Routes of logs. What is wanted travels in the headers of the handshake."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, WebSocket
from starlette.datastructures import Headers

from sternway.api import durations, streams
from sternway.api.inputs import AppName, ProcessId, ServiceName, rack_of
from sternway.core.errors import InvalidInput
from sternway.ops import processes, system
from sternway.ports import LogLine, LogQuery

DEFAULT_SINCE = "2m"
TAIL_MAX = 100_000

Source = Callable[[LogQuery], AsyncGenerator[LogLine, None]]

router = APIRouter(tags=["logs"])


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Whose lines are wanted: of the whole app, or of one service or process."""

    service: str | None = None
    process: str | None = None


@router.websocket("/apps/{app}/logs")
async def follow_app(websocket: WebSocket, app: AppName) -> None:
    """Stream what the processes of an app print and what the rack does for it."""
    await streams.serve(websocket, _app_lines(websocket, app, Narrowing()))


@router.websocket("/system/logs")
async def follow_rack(websocket: WebSocket) -> None:
    """Stream what the rack itself logged lately and logs from now on."""
    await streams.serve(websocket, _rack_lines(websocket))


@router.websocket("/apps/{app}/services/{service}/logs")
async def follow_service(websocket: WebSocket, app: AppName, service: ServiceName) -> None:
    """Stream what the processes of a service print."""
    await streams.serve(websocket, _app_lines(websocket, app, Narrowing(service=service)))


@router.websocket("/apps/{app}/processes/{process}/logs")
async def follow_process(websocket: WebSocket, app: AppName, process: ProcessId) -> None:
    """Stream what one process prints."""
    await streams.serve(websocket, _app_lines(websocket, app, Narrowing(process=process)))


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


def _app_lines(websocket: WebSocket, app: str, narrowing: Narrowing) -> AsyncIterator[bytes]:
    return _lines(websocket, narrowing, lambda query: processes.logs(rack_of(websocket), app, query))


def _rack_lines(websocket: WebSocket) -> AsyncIterator[bytes]:
    return _lines(websocket, Narrowing(), lambda query: system.logs(rack_of(websocket), query))


async def _lines(websocket: WebSocket, narrowing: Narrowing, source: Source) -> AsyncIterator[bytes]:
    headers = websocket.headers
    query = query_of(headers, rack_of(websocket).clock.now(), narrowing)
    wanted = headers.get("filter", "").encode("latin-1", "replace")
    with_prefix = headers.get("prefix") == "true"
    async with aclosing(source(query)) as lines:
        async for line in lines:
            if wanted in line.text:
                yield shown(line, with_prefix=with_prefix)


def _tail(text: str | None) -> int | None:
    if not text or text == "0":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise InvalidInput("Tail: not a number of lines", hint="leave it out for all")
    return min(int(text), TAIL_MAX)

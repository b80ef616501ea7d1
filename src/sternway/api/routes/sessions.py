"""Routes of what goes on inside processes: commands, files, connections. Nothing that passes is logged."""

import logging
import shlex
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from fastapi import APIRouter, Request, WebSocket
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse

from sternway.api import answers, headers, streams
from sternway.api.headers import text_of
from sternway.api.inputs import AppName, MadeOutright, ProcessId, RackIn, made_outright, rack_of
from sternway.core.errors import InvalidInput, NotFound
from sternway.ops import sessions
from sternway.ports import Execution, Pipe, Session, TerminalSize
from sternway.wire.stream import exit_frame

TAR = "application/x-tar"
STREAM = "application/octet-stream"
MAX_SIDE = 10_000
COULD_NOT_BEGIN = 1
"""The exit code for what never ran."""

router = APIRouter(tags=["processes"])
log = logging.getLogger(__name__)


@router.websocket("/apps/{app}/processes/{process}/exec")
async def execute(websocket: WebSocket, app: AppName, process: ProcessId) -> None:
    """Run a command inside a process, or inside one of a service."""
    failed = exit_frame(COULD_NOT_BEGIN).encode()
    await streams.converse(websocket, _session(websocket, app, process), _exit_frame, failed)


@router.websocket("/proxy/{host}/{port}")
async def connect(websocket: WebSocket, host: str, port: str) -> None:
    """Connect to a host as the apps see it; bytes pass as they are."""
    await streams.converse(websocket, _connection(websocket, host, port))


@router.get("/apps/{app}/processes/{process}/files")
async def download(rack: RackIn, made: MadeOutright, app: AppName, process: ProcessId, file: str = "") -> Response:
    """Return a tar of a file or directory of a process; names in it begin with the last part of its path."""
    chunks = sessions.read_files(rack, app, process, file, made)
    try:
        first = await anext(chunks)
    except StopAsyncIteration:
        raise NotFound("file: nothing there", hint="give an absolute path") from None
    return StreamingResponse(_with_first(first, chunks), media_type=TAR)


@router.post(
    "/apps/{app}/processes/{process}/files",
    openapi_extra={"requestBody": {"content": {STREAM: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def upload(rack: RackIn, made: MadeOutright, app: AppName, process: ProcessId, request: Request) -> Response:
    """Unpack a tar at the root of the file system of a process."""
    await sessions.write_files(rack, app, process, request.stream(), made)
    return answers.ok()


@router.delete("/apps/{app}/processes/{process}/files")
async def delete(rack: RackIn, made: MadeOutright, app: AppName, process: ProcessId, files: str = "") -> Response:
    """Remove files of a process; `files` is a list, joined by commas."""
    await sessions.delete_files(rack, app, process, [path for path in files.split(",") if path], made)
    return answers.ok()


@asynccontextmanager
async def _session(websocket: WebSocket, app: str, process: str) -> AsyncIterator[Session]:
    """Open what the handshake asks for; what is wrong with it is said as everything else is."""
    execution, made = execution_of(websocket.headers), await made_outright(websocket)
    _log_begun("command begins", websocket)
    async with sessions.execute(rack_of(websocket), app, process, execution, made) as session:
        yield session


@asynccontextmanager
async def _connection(websocket: WebSocket, host: str, port: str) -> AsyncIterator[Pipe]:
    if not (port.isascii() and port.isdigit() and len(port) < 6):
        raise InvalidInput("port: not a number", hint="write HOST:PORT")
    _log_begun("connection begins", websocket)
    async with sessions.connect(rack_of(websocket), host, int(port)) as pipe:
        yield pipe


def execution_of(given: Headers) -> Execution:
    """Read the options of a handshake; raises InvalidInput that names the header."""
    height, width = _side(given, "Height"), _side(given, "Width")
    return Execution(
        words=split(text_of(given, "Command")),
        has_terminal=given.get("tty", "true") == "true",
        size=TerminalSize(height, width) if height and width else None,
        by_entrypoint=given.get("entrypoint") == "true",
    )


def split(command: str) -> tuple[str, ...]:
    """Split a command as a shell would; raises InvalidInput for quotes that do not end."""
    try:
        return tuple(shlex.split(command))
    except ValueError as exc:
        raise InvalidInput(f"Command: {str(exc).lower()}", hint="quote it as for a shell") from exc


def _side(given: Headers, name: str) -> int:
    text = given.get(name) or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise InvalidInput(f"{name}: not a number", hint="leave it out")
    return min(int(text), MAX_SIDE)


async def _exit_frame(session: Session) -> bytes:
    return exit_frame(await session.exit_code()).encode()


async def _with_first(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        yield first
        async for chunk in rest:
            yield chunk


def _log_begun(what: str, websocket: WebSocket) -> None:
    """Say who began it, and where, and nothing of what it is."""
    log.info(what, extra={"path": websocket.url.path, "actor": headers.actor(websocket)})

"""A WebSocket layer for uvicorn whose text frames carry any bytes.

The contract sends what programs print in text frames, and programs do not always print UTF-8; the layers that
come with uvicorn decode and encode it. This one, over the frames of `websockets`, adds one key to the messages
of ASGI: `RAW_TEXT` holds the bytes of a text frame to be sent, and marks the messages that came in one.

Clients of the contract make no closing handshake: they leave when they have read the end of the stream. A
socket that is closed while bytes of the peer lie unread in it is reset, which can take from the peer what it
has yet to read; so after the last frame this side goes on reading until the peer leaves, or LINGER_S is over.

While the application takes no messages nothing is read, and so nobody would notice that the peer has left. So the
socket is looked at then, and LEFT among the extensions of the scope holds an event that is set once the peer is gone.
A peer that left more than both kernels hold is found to be gone only when its kernel gives up, after a minute or two.
"""

import asyncio
import logging
import select
import socket
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote

from starlette.types import Message, Scope
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

RAW_TEXT = "sternway.text"
LEFT = "sternway.left"
LINGER_S = 5.0
LOOK_S = 1.0
KEEPALIVE_S = 30

_QUIET = logging.getLogger("websockets.quiet")

log = logging.getLogger(__name__)


class Phase(Enum):
    """How far a connection has come."""

    ASKED = auto()
    REFUSING = auto()
    OPEN = auto()
    CLOSING = auto()
    GONE = auto()


class WireProtocol(asyncio.Protocol):
    """One connection; `uvicorn.Config(ws=WireProtocol)`. Several messages of the peer wait at most: then it does."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._wire = ServerProtocol(max_size=config.ws_max_size, logger=_QUIET)
        self._phase = Phase.ASKED
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._is_reading = True
        self._may_write = True
        self._writable = asyncio.Event()
        self._writable.set()
        self._parts: list[bytes] = []
        self._is_text = False
        self._refusal = Response(HTTPStatus.FORBIDDEN, "", Headers(), b"")
        self._linger: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._left = asyncio.Event()

    # --- what the transport calls --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection from the HTTP layer."""
        self._transport = cast(asyncio.Transport, transport)
        self._server_state.connections.add(self)  # type: ignore[arg-type]
        _keep_alive(transport.get_extra_info("socket"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application that nobody is there any more."""
        self._server_state.connections.discard(self)
        for timer in (self._linger, self._look):
            if timer:
                timer.cancel()
        self._phase = Phase.GONE
        self._writable.set()
        self._tell_left(1006)

    def eof_received(self) -> None:
        """Let the transport close: who does not send any more has left."""

    def pause_writing(self) -> None:
        """Make senders wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let senders go on."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Read frames, and answer those that the protocol itself answers."""
        self._wire.receive_data(data)
        for event in self._wire.events_received():
            if isinstance(event, Request):
                self._begin(event)
            elif isinstance(event, Frame):
                self._take(event)
        self._flush()
        if self._wire.parser_exc is not None:
            self._hang_up(1002)

    def shutdown(self) -> None:
        """Leave at once, because the server stops."""
        if self._phase is Phase.ASKED:
            self._refuse(Response(HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable", Headers(), b""))
        elif self._phase is Phase.OPEN:
            self._wire.send_close(1012)
            self._flush()
        self._hang_up(1012)

    # --- frames ----------------------------------------------------------------------------------------------

    def _begin(self, request: Request) -> None:
        self._response = self._wire.accept(request)
        if self._response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._refuse(self._response)
            return
        self._inbox.put_nowait({"type": "websocket.connect"})
        task = asyncio.get_running_loop().create_task(self._serve(self._scope(request)))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self._flush()
            self._hang_up(1005)
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._collect(frame)

    def _collect(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._parts, self._is_text = [], frame.opcode is Opcode.TEXT
        self._parts.append(bytes(frame.data))
        if not frame.fin or self._phase is not Phase.OPEN:
            return
        message: Message = {"type": "websocket.receive", "bytes": b"".join(self._parts)}
        self._inbox.put_nowait({**message, RAW_TEXT: True} if self._is_text else message)
        self._pause_reading()

    def _pause_reading(self) -> None:
        if self._is_reading and not self._transport.is_closing():
            self._is_reading = False
            self._transport.pause_reading()
            self._look = asyncio.get_running_loop().call_later(LOOK_S, self._look_for_peer)

    def _look_for_peer(self) -> None:
        """Find out whether a peer that nothing is read from is still there."""
        if self._is_reading or self._transport.is_closing():
            return
        if _has_hung_up(self._transport.get_extra_info("socket")):
            self._transport.abort()
        else:
            self._look = asyncio.get_running_loop().call_later(LOOK_S, self._look_for_peer)

    def _resume_reading(self) -> None:
        if not self._is_reading and not self._transport.is_closing():
            self._is_reading = True
            self._transport.resume_reading()
            if self._look:
                self._look.cancel()

    def _flush(self) -> None:
        content = b"".join(self._wire.data_to_send())
        if content and self._may_write and not self._transport.is_closing():
            self._transport.write(content)

    def _hang_up(self, code: int) -> None:
        """Close when all is sent that was written; the peer has said its last, or is told to leave."""
        self._phase, self._may_write = Phase.CLOSING, False
        self._tell_left(code)
        self._transport.close()

    def _tell_left(self, code: int) -> None:
        self._left.set()
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})

    # --- the application --------------------------------------------------------------------------------------

    def _scope(self, request: Request) -> Scope:
        path, _, query = request.path.partition("?")
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self._transport) else "ws",
            "server": get_local_addr(self._transport),
            "client": get_remote_addr(self._transport),
            "root_path": self._config.root_path,
            "path": self._config.root_path + unquote(path),
            "raw_path": (self._config.root_path + path).encode("latin-1", "replace"),
            "query_string": query.encode("latin-1", "replace"),
            "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in request.headers.raw_items()],
            "subprotocols": [],
            "state": self._app_state.copy(),
            "extensions": {"websocket.http.response": {}, RAW_TEXT: {}, LEFT: {"event": self._left}},
        }

    async def _serve(self, scope: Scope) -> None:
        code = 1000
        try:
            await self._config.loaded_app(scope, self._receive, self._send)
        except ConnectionResetError:
            code = 1006
        except Exception:
            log.exception("websocket failed", extra={"path": scope["path"]})
            code = 1011
        self._end(code)

    async def _receive(self) -> Message:
        message = await self._inbox.get()
        if self._inbox.empty():
            self._resume_reading()
        return message

    async def _send(self, message: Message) -> None:
        """Do what the application says; raises OSError when the peer has left, as ASGI wants it."""
        await self._writable.wait()
        if self._phase in (Phase.CLOSING, Phase.GONE) or self._transport.is_closing():
            raise ConnectionResetError("the client has left")
        try:
            self._act(message)
        except InvalidState as exc:
            raise ConnectionResetError("the client has left") from exc
        self._flush()

    def _act(self, message: Message) -> None:
        match self._phase, message["type"]:
            case Phase.ASKED, "websocket.accept":
                self._accept(message)
            case Phase.ASKED, "websocket.close":
                self._refuse(self._refusal)
            case Phase.ASKED, "websocket.http.response.start":
                self._phase = Phase.REFUSING
                self._refusal = Response(message["status"], _phrase(message["status"]), _headers(message), b"")
            case Phase.REFUSING, "websocket.http.response.body":
                self._refusal.body = bytes(self._refusal.body or b"") + message.get("body", b"")
                if not message.get("more_body", False):
                    self._refuse(self._refusal)
            case Phase.OPEN, "websocket.send":
                self._write(message)
            case Phase.OPEN, "websocket.close":
                self._end(message.get("code") or 1000)
            case phase, kind:
                raise RuntimeError(f"{kind} cannot follow {phase.name}")

    def _accept(self, message: Message) -> None:
        self._response.headers.update(_headers(message))
        self._wire.send_response(self._response)
        self._phase = Phase.OPEN

    def _write(self, message: Message) -> None:
        if (raw := message.get(RAW_TEXT)) is not None:
            self._wire.send_text(raw)
        elif (text := message.get("text")) is not None:
            self._wire.send_text(text.encode())
        else:
            self._wire.send_binary(message["bytes"])

    def _refuse(self, response: Response) -> None:
        """Answer the handshake with a status, and close."""
        response.headers.setdefault("Connection", "close")
        response.headers.setdefault("Content-Length", str(len(response.body or b"")))
        self._wire.send_response(response)
        self._flush()
        self._leave()

    def _end(self, code: int) -> None:
        """Close from our side; an application that never answered the handshake failed."""
        if self._phase in (Phase.ASKED, Phase.REFUSING):
            self._refuse(Response(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error", Headers(), b""))
        elif self._phase is Phase.OPEN:
            self._wire.send_close(1000 if code in (1005, 1006) else code)
            self._flush()
            self._leave()

    def _leave(self) -> None:
        self._phase, self._may_write = Phase.CLOSING, False
        if self._transport.is_closing():
            return
        self._resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._wait_for_peer(self._transport.get_write_buffer_size())

    def _wait_for_peer(self, unsent_bytes: int) -> None:
        self._linger = asyncio.get_running_loop().call_later(LINGER_S, self._stop_waiting, unsent_bytes)

    def _stop_waiting(self, unsent_bytes: int) -> None:
        """Close, unless a slow peer is still taking what was written; one that takes nothing is cut off."""
        left_bytes = self._transport.get_write_buffer_size()
        if not left_bytes:
            self._transport.close()
        elif left_bytes < unsent_bytes:
            self._wait_for_peer(left_bytes)
        else:
            self._transport.abort()


def _headers(message: Message) -> Headers:
    return Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", [])])


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


def _has_hung_up(sock: socket.socket | None) -> bool:
    """Tell whether the peer has closed its side, even if bytes of it lie unread before that."""
    if sock is None or not hasattr(select, "POLLRDHUP"):
        return False
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLRDHUP)
    return bool(poll.poll(0))


def _keep_alive(sock: socket.socket | None) -> None:
    """Have the kernel find out when a peer is gone without a word; followers of logs may wait for days."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)

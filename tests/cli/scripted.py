"""A rack that answers by a script, over real HTTP and WebSockets, and remembers what it was asked."""

import base64
import hashlib
import json
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

from sternway.wire.json import to_json

WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE = 1, 2, 8
END = (BINARY, b"")


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return _flat(self.body.decode())

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    status: int = 200
    content: bytes = b"ok\n"
    kind: str = "text/plain"


def _open_event() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


class Talk:
    """A WebSocket from the side of the rack."""

    def __init__(self, request: Request, source: BinaryIO, sink: BinaryIO) -> None:
        self.request = request
        self._source = source
        self._sink = sink

    def send(self, content: bytes) -> None:
        self._sink.write(_frame(TEXT, content))

    def end(self) -> None:
        self._sink.write(_frame(BINARY, b""))

    def exit(self, code: int) -> None:
        self.send(f"F1E49A85-0AD7-4AEF-A618-C249C6E6568D:{code}\n".encode())
        self.end()

    def read(self) -> bytes | None:
        """Return what the client sends; nothing at its end, None once it has left."""
        while True:
            head = self._source.read(2)
            if len(head) < 2 or head[0] & 0x0F == CLOSE:
                return None
            size = head[1] & 0x7F
            if size >= 126:
                size = int.from_bytes(self._source.read(2 if size == 126 else 8))
            mask = self._source.read(4)
            content = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self._source.read(size)))
            if head[0] & 0x0F in (TEXT, BINARY):
                return content

    def read_all(self) -> bytes:
        """Return all that the client sends up to the end of its input."""
        received = b""
        while content := self.read():
            received += content
        return received


@dataclass
class ScriptedRack:
    """`hold` keeps answers back while it is clear."""

    port: int = 0
    prefix: str = ""
    requests: list[Request] = field(default_factory=list)
    hold: threading.Event = field(default_factory=_open_event)
    connections: set[Any] = field(default_factory=set)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    streams: dict[str, list[list[tuple[int, bytes]]]] = field(default_factory=dict)
    talks: dict[str, Callable[["Talk"], None]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://convox:secret@127.0.0.1:{self.port}{self.prefix}"

    def on(self, line: str, *answers: Any) -> None:
        """Script the answers to `METHOD /path`, in turn; the last one is repeated."""
        self.answers[line] = [_answer(answer) for answer in answers]

    def on_stream(self, path: str, *streams: list[tuple[int, bytes]]) -> None:
        """Script the frames of a WebSocket, for each time that it is opened."""
        self.streams[path] = list(streams)

    def on_talk(self, path: str, talk: Callable[["Talk"], None]) -> None:
        """Have a function hold the conversation of a WebSocket; it ends with the function."""
        self.talks[path] = talk

    def answer(self, line: str) -> Answer:
        # A route that the script lacks is one that the rack does not have: 404 without a body.
        scripted = self.answers.get(line) or [Answer(404, b"")]
        return scripted.pop(0) if len(scripted) > 1 else scripted[0]

    def lines(self) -> list[str]:
        return [request.line for request in self.requests]

    def request(self, line: str) -> Request:
        return next(request for request in self.requests if request.line == line)


def refusal(status: int, error: str, code: str = "", hint: str = "") -> Answer:
    members = {"error": error, "code": code, "hint": hint}
    return Answer(status, json.dumps(members).encode(), "application/json")


@contextmanager
def serving(rack: ScriptedRack) -> Iterator[ScriptedRack]:
    class Handler(_Handler):
        scripted = rack

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    rack.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield rack
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    scripted: ScriptedRack
    protocol_version = "HTTP/1.1"
    # Header and body leave in two writes: without this each answer waits for a delayed acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        request = self._record()
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self._stream(request)
        self.scripted.hold.wait(5)
        answer = self.scripted.answer(request.line)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _record(self) -> Request:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = parts.path.removeprefix(self.scripted.prefix)
        request = Request(self.command, path, _flat(parts.query), dict(self.headers), body)
        self.scripted.requests.append(request)
        self.scripted.connections.add(self.client_address)
        return request

    def _stream(self, request: Request) -> None:
        scripted = self.scripted.streams.get(request.path)
        talk = self.scripted.talks.get(request.path)
        if not scripted and not talk:
            self.send_error(404)
            return
        key = self.headers["Sec-WebSocket-Key"] + WEBSOCKET_GUID
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        if talk:
            self.wfile.flush()
            talk(Talk(request, self.rfile, self.wfile))  # type: ignore[arg-type]
        for opcode, payload in [] if not scripted else scripted.pop(0) if len(scripted) > 1 else scripted[0]:
            self.wfile.write(_frame(opcode, payload))
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    head = bytes([0x80 | opcode, size]) if size < 126 else bytes([0x80 | opcode, 126]) + struct.pack("!H", size)
    return head + payload


def _flat(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _answer(value: Any) -> Answer:
    if isinstance(value, Answer):
        return value
    return Answer(200, json.dumps(to_json(value)).encode(), "application/json")

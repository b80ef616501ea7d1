"""Small HTTP servers that stand for processes of apps, and raw clients that never retry. In-process, asyncio."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

WAIT_S = 15.0
LARGE = 30 * 1024 * 1024


@dataclass
class Upstream:
    """Answers its name, and does what the path says."""

    name: str
    endpoint: str = ""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    heads: list[str] = field(default_factory=list)
    connections: set[asyncio.StreamWriter] = field(default_factory=set)
    server: asyncio.Server | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._answer(reader, writer):
                await writer.drain()
        self.connections.discard(writer)
        await closed(writer)

    async def die(self) -> None:
        """End as a killed process does: nobody listens any more, and all connections end."""
        if self.server:
            self.server.close()
        await self.close()

    async def close(self) -> None:
        self.go.set()
        for writer in tuple(self.connections):
            await closed(writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        self.arrived.set()
        path = head.split(" ", 2)[1].partition("?")[0]
        if path == "/vanish":
            return False
        if path == "/echo":
            return await self._echo(reader, writer)
        if path == "/events":
            return await self._events(reader, writer)
        if path == "/slow":
            await self.go.wait()
        size = await _body_size(head, reader)
        body = bytes(LARGE) if path == "/large" else f"{self.name} {size}".encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return True

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while data := await reader.read(1024):
            writer.write(self.name.encode() + b":" + data)
        return False

    async def _events(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n")
        await self.go.wait()
        writer.write(b"data: last\n\n")
        return False


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def _body_size(head: str, reader: asyncio.StreamReader) -> int:
    length = re.search(r"(?im)^content-length: (\d+)", head)
    left = total = int(length[1]) if length else 0
    while left:
        left -= len(await reader.readexactly(min(left, 65536)))
    return total


@asynccontextmanager
async def upstream(name: str, port: int = 0) -> AsyncIterator[Upstream]:
    """Serve on a free port, or on this one."""
    served = Upstream(name)
    served.server = await asyncio.start_server(served.serve, "127.0.0.1", port)
    served.endpoint = f"127.0.0.1:{served.server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        await served.die()


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    sent_at: float
    came_at: float
    cookies: tuple[str, ...] = ()
    is_last: bool = False


class Client:
    """One keep-alive connection. An end of file or a reset is an error: it never retries."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(
        self, host: str, path: str = "/", *, method: str = "GET", body: bytes = b"", extra: str = ""
    ) -> None:
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
        self.writer.write(head.encode() + body)
        await self.writer.drain()

    async def head(self) -> str:
        async with asyncio.timeout(WAIT_S):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def ask(
        self, host: str, path: str = "/", *, method: str = "GET", body: bytes = b"", extra: str = ""
    ) -> Answer:
        sent_at = time.monotonic()
        await self.send(host, path, method=method, body=body, extra=extra)
        head = await self.head()
        size = int(re.findall(r"(?im)^content-length: (\d+)", head)[0])
        async with asyncio.timeout(WAIT_S):
            text = (await self.reader.readexactly(size)).decode()
        cookies = tuple(re.findall(r"(?im)^set-cookie: ([^;]+)", head))
        is_last = re.search(r"(?im)^connection: close", head) is not None
        return Answer(int(head.split()[1]), text, sent_at, time.monotonic(), cookies, is_last)


@asynccontextmanager
async def client(address: str, *, own_host: str = "127.0.0.1") -> AsyncIterator[Client]:
    """Connect to `HOST:PORT`."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=(own_host, 0))
    try:
        yield Client(reader, writer)
    finally:
        await closed(writer)

"""An engine that goes away and comes back: a socket before the real one, which a test can close."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path


class Cut:
    """Passes connections on to the engine, until it is told to be away."""

    def __init__(self, engine: str, socket: Path) -> None:
        self.address = f"unix://{socket}"
        self._engine = engine.removeprefix("unix://")
        self._socket = socket
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._opened = asyncio.Condition()

    async def until_open(self, connections: int) -> None:
        """Wait until so many connections are open at once."""
        async with self._opened:
            await self._opened.wait_for(lambda: len(self._open) >= connections)

    async def come_back(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._socket)

    async def go_away(self) -> None:
        """Close the socket and every connection in the middle of whatever it carries."""
        if self._server:
            self._server.close()
        self._socket.unlink(missing_ok=True)
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        async with self._opened:
            self._opened.notify_all()
        try:
            there, back = await asyncio.open_unix_connection(self._engine)
            with contextlib.closing(back):
                ways = [asyncio.create_task(_pass_on(reader, back)), asyncio.create_task(_pass_on(there, writer))]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
        except asyncio.CancelledError:
            pass
        finally:
            writer.transport.abort()
            self._open.discard(task)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()


@contextlib.asynccontextmanager
async def cut(engine: str, socket: Path) -> AsyncIterator[Cut]:
    """Have a socket before an engine until the block ends."""
    cut = Cut(engine, socket)
    await cut.come_back()
    try:
        yield cut
    finally:
        await cut.go_away()

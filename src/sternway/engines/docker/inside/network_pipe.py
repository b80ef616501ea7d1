"""A connection to a host, as the containers of a rack see it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from sternway.core.errors import EngineUnavailable, NotFound

CONNECT_S = 10.0
CHUNK_BYTES = 64 * 1024


class NetworkPipe:
    """Fills `ports.Pipe` over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def write(self, content: bytes) -> None:
        """Send bytes, waiting while the other side takes none."""
        with contextlib.suppress(OSError):
            self._writer.write(content)
            await self._writer.drain()

    async def end_input(self) -> None:
        """Say that nothing more comes."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write_eof()

    async def output(self) -> AsyncIterator[bytes]:
        """Yield what comes; a connection that is reset has ended."""
        with contextlib.suppress(OSError):
            while content := await self._reader.read(CHUNK_BYTES):
                yield content


@contextlib.asynccontextmanager
async def opened(host: str, port: int, name: str) -> AsyncIterator[NetworkPipe]:
    """Connect; `name` is what people called it. Raises NotFound for no such host, EngineUnavailable for no answer."""
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port)
    except (socket.gaierror, UnicodeError) as exc:
        raise NotFound(f"no such host: {name}", hint="name it SERVICE.APP") from exc
    except (OSError, TimeoutError) as exc:
        raise EngineUnavailable(f"{name}:{port} does not answer", hint="does it listen on that port?") from exc
    try:
        yield NetworkPipe(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await writer.wait_closed()

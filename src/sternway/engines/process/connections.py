"""Connections to where the apps of the rack could connect as well: to each other by name, and to anywhere else."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from sternway.core.errors import EngineUnavailable, NotFound

CONNECTS_WITHIN_S = 10.0
FLUSHES_WITHIN_S = 2.0
CHUNK_BYTES = 64 * 1024
INTERNAL = ".internal.localhost"


@contextlib.asynccontextmanager
async def opened(host: str, port: int) -> AsyncIterator["Connection"]:
    """Connect until the block ends; raises NotFound for an unknown name, EngineUnavailable if nobody answers."""
    try:
        async with asyncio.timeout(CONNECTS_WITHIN_S):
            reader, writer = await asyncio.open_connection(host, port)
    except (socket.gaierror, UnicodeError, ValueError) as exc:
        raise NotFound(f"there is no host {host}", hint="give SERVICE.APP, a name or an address") from exc
    except (OSError, OverflowError) as exc:
        why = str(exc) or f"no answer within {CONNECTS_WITHIN_S:g} s"
        raise EngineUnavailable(f"nobody answers at {host}:{port}: {why}") from exc
    try:
        yield Connection(reader, writer)
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Hang up; what was written last is still sent, if somebody takes it."""
    writer.close()
    try:
        async with asyncio.timeout(FLUSHES_WITHIN_S):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()


def service_of(host: str) -> tuple[str, str] | None:
    """Return the service and the app that a host can mean, if it has the form of one."""
    names = host.lower().rstrip(".").removesuffix(INTERNAL).split(".")
    return (names[0], names[1]) if len(names) == 2 and all(names) else None


def is_internal(host: str) -> bool:
    """Tell whether a host can mean nothing but a service."""
    return host.lower().rstrip(".").endswith(INTERNAL)


def no_process(host: str) -> EngineUnavailable:
    """Return what is raised for a service of which nothing takes connections."""
    return EngineUnavailable(f"no process of {host} takes connections now", hint="see what runs: sternway ps")


def divided(endpoint: str) -> tuple[str, int]:
    """Return host and port of an endpoint of this engine."""
    host, _, port = endpoint.rpartition(":")
    return host, int(port)


class Connection:
    """Fills `ports.Pipe`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._has_ended = False

    async def write(self, content: bytes) -> None:
        """Send bytes, waiting while too much is on its way; none once the input was ended."""
        if not self._has_ended and not self._writer.is_closing():
            self._writer.write(content)
            with contextlib.suppress(OSError):
                await self._writer.drain()

    async def end_input(self) -> None:
        """Shut the sending side down; what comes back may still be read."""
        if not self._has_ended and not self._writer.is_closing():
            self._has_ended = True
            with contextlib.suppress(OSError):
                self._writer.write_eof()

    async def output(self) -> AsyncIterator[bytes]:
        """Yield what comes until the other side ends."""
        with contextlib.suppress(OSError):
            while chunk := await self._reader.read(CHUNK_BYTES):
                yield chunk

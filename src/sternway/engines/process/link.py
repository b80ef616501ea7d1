"""The connection between the engine and one supervisor: reports come, commands go."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from sternway.engines.process import report, slots
from sternway.supervisor import order

CONNECT_TIMEOUT_S = 2.0
REPORT_BYTES = 256 * 1024


class Link:
    """One connection. Commands are a few bytes and never waited for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def reports(self) -> AsyncIterator[report.Report]:
        """Yield what the supervisor says, until it ends or goes away."""
        while line := await self._line():
            if said := report.parse(line):
                yield said

    async def _line(self) -> bytes:
        try:
            return await self._reader.readline()
        except (OSError, ValueError):
            return b""

    def send(self, command: str) -> None:
        """Tell the supervisor something; if it is gone, the reports end as well."""
        if not self._writer.is_closing():
            self._writer.write(order.encode({"command": command}))

    def drop(self) -> None:
        """Let the reports end, without waiting for anything."""
        self._writer.close()

    async def close(self) -> None:
        """Hang up; the supervisor goes on."""
        self._writer.close()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            return


async def over(connection: socket.socket) -> Link:
    """Use a connection that is there."""
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=REPORT_BYTES)
    return Link(reader, writer)


def connect(directory: Path) -> socket.socket:
    """Connect to the supervisor of this directory, to hear its reports; raises OSError if there is none."""
    connection = dial(directory)
    try:
        connection.sendall(order.encode({"command": "subscribe"}))
        connection.setblocking(False)
    except OSError:
        connection.close()
        raise
    return connection


def dial(directory: Path) -> socket.socket:
    """Connect to the supervisor of this directory; raises OSError if there is none.

    The path is given by way of the open directory, since it may be too long for a socket's address.
    """
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(CONNECT_TIMEOUT_S)
        connection.connect(f"/proc/self/fd/{opened}/{slots.CONTROL}")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(opened)
    return connection

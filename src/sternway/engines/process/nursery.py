"""Supervisors are forked from one that is kept waiting, so that a start costs no start of an interpreter."""

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sternway import supervisor
from sternway.core.errors import EngineUnavailable
from sternway.supervisor import order

SEND_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0


class Nursery:
    """The waiting supervisor of one rack; it ends by itself when the rack goes away, however that happens."""

    def __init__(self, python: str, log: Path) -> None:
        self._python = python
        self._log = log
        self._waiting: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Have one waiting; raises EngineUnavailable if it cannot be started."""
        try:
            async with self._lock:
                if self._waiting is None or self._waiting.poll() is not None:
                    await asyncio.to_thread(self._spawn)
        except OSError as exc:
            raise EngineUnavailable(f"no supervisor can be started: {exc}", hint="reinstall this version") from exc

    async def start(self, make: Callable[[], Mapping[str, object]], keep: Sequence[socket.socket]) -> socket.socket:
        """Start a supervisor with an order, holding those sockets, and return the connection to it.

        The order is made while the supervisor, and others that were asked for, come into being.
        Raises EngineUnavailable and OSError (TimeoutError is one), and then nothing was started.
        """
        line, connection = self._line, await self._forked(keep)
        try:
            await asyncio.sleep(0)
            wanted = order.encode(make())
            try:
                await _give(connection, wanted)
            except OSError:  # the waiting one died with our connection: nobody has read the order
                connection.close()
                await self._replace(line)
                connection = await self._forked(keep)
                await _give(connection, wanted)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _forked(self, keep: Sequence[socket.socket]) -> socket.socket:
        """Return the connection to a supervisor that waits for its order; raises OSError and EngineUnavailable."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                await self._fork([theirs, *keep])
        except BaseException:
            ours.close()
            raise
        return ours

    async def close(self) -> None:
        """Let the waiting one go."""
        async with self._lock:
            await asyncio.to_thread(self._dismiss)

    async def _fork(self, sockets: Sequence[socket.socket]) -> None:
        await self.open()
        line = self._line
        try:
            self._send(sockets)
        except OSError:
            await self._replace(line)
            self._send(sockets)

    async def _replace(self, broken: socket.socket | None) -> None:
        """Have another one waiting, unless somebody else who noticed was quicker."""
        async with self._lock:
            if self._line is broken:
                await asyncio.to_thread(self._dismiss)
        await self.open()

    def _send(self, sockets: Sequence[socket.socket]) -> None:
        if self._line is None:
            raise BrokenPipeError("there is no waiting supervisor")
        socket.send_fds(self._line, [b"."], [each.fileno() for each in sockets])

    def _spawn(self) -> None:
        self._dismiss()
        ours, theirs = socket.socketpair()
        ours.settimeout(SEND_TIMEOUT_S)
        program = Path(str(supervisor.__file__)).with_name("__main__.py")
        with theirs, open(self._log, "ab", opener=_private) as log:
            self._waiting = subprocess.Popen(
                [self._python, "-I", "-S", str(program)],
                stdin=theirs.fileno(),
                stdout=log,
                stderr=log,
                env={},
                cwd="/",
                start_new_session=True,
            )
        self._line = ours

    def _dismiss(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._waiting is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._waiting.wait(STOP_TIMEOUT_S)
            self._waiting = None


async def _give(connection: socket.socket, wanted: bytes) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await asyncio.get_running_loop().sock_sendall(connection, wanted)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

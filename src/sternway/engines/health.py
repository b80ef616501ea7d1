"""Health checks for engines that do not probe by themselves: one probe, and the watch over one process.

A probe is a line written and a line read on a socket. A library for HTTP takes ten times as long for that, of a
processor that the process being started needs, and a stream twice.
"""

import asyncio
import errno
import os
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

from sternway.core.formation import Health, HealthCheck
from sternway.ports import Clock

FAILURES_TO_UNHEALTHY = 3
FIRST_PAUSE_S = 0.002
LONGEST_PAUSE_S = 0.25
PAUSE_SHARE = 0.02
"""While a process starts, it is probed again after this share of the time that it took so far."""

EXAMINED_WITHIN_S = 2.0
"""How long a process that is examined may take to answer, if its check does not say less."""

Probe = Callable[[str, HealthCheck], Awaitable[str]]
"""Asks an endpoint for its health: nothing is good news, and anything else says what is wrong."""

Tell = Callable[[Health, str], None]

_LINE_BYTES = 8192
"""How long a line of an answer may be."""

_STATUS = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})[ \r\n]")


async def ask(endpoint: str, check: HealthCheck) -> str:
    """GET the health check's path; without a path, a connection is enough.

    Returns what is wrong, or nothing for a status from 200 to 399; never raises for what is outside.
    """
    try:
        async with asyncio.timeout(check.timeout_s):
            return await _ask(endpoint, check.path)
    except TimeoutError:
        return f"no answer within {check.timeout_s:g} s"
    except ConnectionRefusedError:
        return f"nothing listens at {endpoint} yet"
    except (OSError, ValueError) as problem:
        return f"no proper answer: {str(problem) or type(problem).__name__}"


async def examine(probe: Probe, endpoint: str, check: HealthCheck) -> str:
    """Probe a process that is about to get traffic; one failed look is enough to know that it must not."""
    return await probe(endpoint, replace(check, timeout_s=min(check.timeout_s, EXAMINED_WITHIN_S)))


async def _ask(endpoint: str, path: str | None) -> str:
    with await _connected(endpoint) as connection:
        if path is None:
            return ""
        await asyncio.get_running_loop().sock_sendall(connection, _request(endpoint, path))
        status = await _status(_Answer(connection))
    return "" if 200 <= status < 400 else f"GET {path} answered {status}"


async def _connected(endpoint: str) -> socket.socket:
    host, _, port = endpoint.rpartition(":")
    address = host, int(port)
    connection = socket.socket()
    try:
        connection.setblocking(False)
        _raise_if_refused(connection, address)
        await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


def _raise_if_refused(connection: socket.socket, address: tuple[str, int]) -> None:
    """Begin to connect; a refusal on this machine is there at once.

    A process that starts is asked many times in vain. Through the loop that would cost three times as much.
    """
    error = connection.connect_ex(address)
    if error == errno.EINPROGRESS:
        error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


def _request(endpoint: str, path: str) -> bytes:
    target = quote(path, safe="/?&=%:@!$'()*+,;~[]")
    lines = (f"GET {target} HTTP/1.1", f"Host: {endpoint}", "User-Agent: sternway-health", "Accept: */*")
    return "\r\n".join((*lines, "Connection: close", "", "")).encode()


class _Answer:
    """What comes back on a connection, by line."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._read = b""

    async def line(self) -> bytes:
        """Return the next one; what is left, or nothing, once the connection is closed. Raises OSError, ValueError."""
        while b"\n" not in self._read:
            if len(self._read) > _LINE_BYTES:
                raise ValueError(f"a line of more than {_LINE_BYTES} bytes")
            more = await asyncio.get_running_loop().sock_recv(self._connection, _LINE_BYTES)
            if not more:
                left, self._read = self._read, b""
                return left
            self._read += more
        line, end, self._read = self._read.partition(b"\n")
        return line + end


async def _status(answer: _Answer) -> int:
    """Return the status of the answer; interim ones (1xx) come before it. Raises OSError and ValueError."""
    while True:
        line = await answer.line()
        found = _STATUS.match(line)
        if found is None:
            raise ValueError(f"{line[:40]!r} is no status of HTTP/1" if line else "the connection was closed")
        if not found[1].startswith(b"1"):
            return int(found[1])
        while (await answer.line()).strip():
            pass


@dataclass(frozen=True, slots=True)
class Watch:
    """The watch over one run of one process: probes it and tells what changes, until it is cancelled."""

    check: HealthCheck
    endpoint: str | None
    probe: Probe
    clock: Clock
    tell: Tell

    async def keep(self, *, was_healthy: bool = False, is_thawed: bool = False) -> None:
        """Watch a process that has just started, or was thawed, or one of which it is known that it was healthy."""
        if self.endpoint is None:
            return await self._settle(was_healthy)
        if not was_healthy:
            await self._until_healthy(self.endpoint, Health.UNHEALTHY if is_thawed else Health.STARTING)
        await self._from_then_on(self.endpoint)

    async def _settle(self, was_healthy: bool) -> None:
        if not was_healthy:
            self.tell(Health.STARTING, f"has to run for {self.check.settle_s:g} s")
            await self.clock.sleep(self.check.settle_s)
        self.tell(Health.HEALTHY, "")

    async def _until_healthy(self, endpoint: str, meanwhile: Health) -> None:
        """Probe often at first, so that a quick start is seen quickly, and ever more seldom."""
        begun = self.clock.monotonic()
        while wrong := await self.probe(endpoint, self.check):
            self.tell(meanwhile, wrong)
            pause = (self.clock.monotonic() - begun) * PAUSE_SHARE
            await self.clock.sleep(min(max(pause, FIRST_PAUSE_S), LONGEST_PAUSE_S))
        self.tell(Health.HEALTHY, "")

    async def _from_then_on(self, endpoint: str) -> None:
        failures = 0
        while True:
            await self.clock.sleep(self.check.interval_s)
            wrong = await self.probe(endpoint, self.check)
            failures = failures + 1 if wrong else 0
            if not wrong:
                self.tell(Health.HEALTHY, "")
            elif failures >= FAILURES_TO_UNHEALTHY:
                self.tell(Health.UNHEALTHY, wrong)

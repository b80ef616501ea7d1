"""Health checks for engines that do not probe by themselves: one probe, and the watch over one process."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import dataclass

import httpx2

from sternway.core.formation import Health, HealthCheck
from sternway.ports import Clock

FAILURES_TO_UNHEALTHY = 3
FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.25
PAUSE_SHARE = 0.05
"""While a process starts, it is probed again after this share of the time that it took so far."""

NOT_YET = "does not accept connections yet"

Probe = Callable[[str, HealthCheck], Awaitable[str]]
"""Asks an endpoint for its health: nothing is good news, and anything else says what is wrong."""

Tell = Callable[[Health, str], None]


class HttpProbe:
    """GET of the health check's path; without a path, a connection is enough."""

    def __init__(self) -> None:
        # Plain HTTP on loopback: without `verify=False` the client would load certificates for nothing.
        limits = httpx2.Limits(max_keepalive_connections=0)
        headers = {"User-Agent": "sternway-health", "Connection": "close"}
        self._client = httpx2.AsyncClient(
            limits=limits, headers=headers, timeout=None, trust_env=False, verify=False, follow_redirects=False
        )
        self._refusing: set[str] = set()

    async def __call__(self, endpoint: str, check: HealthCheck) -> str:
        """Return what is wrong, or nothing for a status from 200 to 399; never raises for what is outside."""
        if endpoint in self._refusing and _refuses(endpoint):
            return NOT_YET
        self._refusing.discard(endpoint)
        wrong = await self._bounded(endpoint, check)
        if wrong == NOT_YET:
            self._refusing.add(endpoint)
        return wrong

    async def _bounded(self, endpoint: str, check: HealthCheck) -> str:
        try:
            async with asyncio.timeout(check.timeout_s):
                return await self._ask(endpoint, check.path)
        except TimeoutError:
            return f"no answer within {check.timeout_s:g} s"
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
            return _words(problem)

    async def _ask(self, endpoint: str, path: str | None) -> str:
        if path is None:
            return await _connect(endpoint)
        async with self._client.stream("GET", f"http://{endpoint}{path}") as answer:
            return "" if 200 <= answer.status_code < 400 else f"GET {path} answered {answer.status_code}"


def _refuses(endpoint: str) -> bool:
    """Tell whether a connection is refused at once: twenty times cheaper than a request that is.

    Asked of a process that starts, whose first answer is waited for; the one empty connection does no harm.
    """
    host, _, port = endpoint.rpartition(":")
    with closing(socket.socket()) as attempt:
        attempt.setblocking(False)
        result = attempt.connect_ex((host, int(port)))
        if result == errno.EINPROGRESS:
            result = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return result == errno.ECONNREFUSED


async def _connect(endpoint: str) -> str:
    host, _, port = endpoint.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return ""


def _words(problem: Exception) -> str:
    if isinstance(problem, httpx2.ConnectError | ConnectionRefusedError):
        return NOT_YET
    return f"no proper answer: {str(problem) or type(problem).__name__}"


@dataclass(frozen=True, slots=True)
class Watch:
    """The watch over one run of one process: probes it and tells what changes, until it is cancelled."""

    check: HealthCheck
    endpoint: str | None
    probe: Probe
    clock: Clock
    tell: Tell

    async def keep(self, *, was_healthy: bool = False) -> None:
        """Watch a process that has just started, or one of which it is known that it was healthy."""
        if self.endpoint is None:
            return await self._settle(was_healthy)
        if not was_healthy:
            await self._until_healthy(self.endpoint)
        await self._from_then_on(self.endpoint)

    async def _settle(self, was_healthy: bool) -> None:
        if not was_healthy:
            self.tell(Health.STARTING, f"has to run for {self.check.settle_s:g} s")
            await self.clock.sleep(self.check.settle_s)
        self.tell(Health.HEALTHY, "")

    async def _until_healthy(self, endpoint: str) -> None:
        """Probe often at first, so that a quick start is seen quickly, and ever more seldom."""
        begun = self.clock.monotonic()
        while wrong := await self.probe(endpoint, self.check):
            self.tell(Health.STARTING, wrong)
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

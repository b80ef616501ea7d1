"""The routers as the contract sees them: each rig has a router, members that answer, and a way to ask."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sternway.core.errors import NotFound, RouterUnavailable
from sternway.core.formation import FormationKey, Member, Route, RouteOptions
from sternway.router.caddy.configuration import Api, Options
from sternway.router.caddy.router import CaddyRouter
from sternway.router.memory import MemoryNetwork, MemoryRouter
from tests.router import upstreams

HOLD_S = 0.5
IDLE_S = 0.7
OPTIONS = Options(hold_s=HOLD_S, stream_grace_s=20, rest_s=0.1)
LEAVING_OPTIONS = Options(hold_s=HOLD_S, stream_grace_s=20, rest_s=0.1, client_idle_s=IDLE_S)

_turns = itertools.count(1)


class SystemTime:
    """The real clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def new_app() -> str:
    """Name an app that no other test has, since tests share a router."""
    return f"app{next(_turns)}"


def route(service: str, host: str, *members: Member, options: RouteOptions | None = None) -> Route:
    return Route(service, (host,), members, options or RouteOptions())


def at(endpoint: str, *, fingerprint: str = "f1") -> Member:
    return Member(FormationKey("app", "web", fingerprint), endpoint)


class Rig(Protocol):
    """What a test of the contract needs."""

    epoch: int

    @property
    def router(self) -> MemoryRouter | CaddyRouter:
        """Return the router of the rack that runs now."""
        ...

    async def member(self, name: str) -> Member:
        """Return a member that answers."""
        ...

    async def ask(self, host: str) -> str:
        """Send a request and return the endpoint that answered it, or the status as text."""
        ...

    def request(self, host: str) -> AbstractAsyncContextManager[None]:
        """Have a request in flight while the block runs."""
        ...

    async def restart(self) -> None:
        """Replace the router by one of a restarted rack."""
        ...


@dataclass
class MemoryRig:
    network: MemoryNetwork = field(default_factory=MemoryNetwork)
    epoch: int = 1

    def __post_init__(self) -> None:
        self.router = MemoryRouter(self.network)

    async def member(self, name: str) -> Member:
        return at(f"10.0.0.1:{1000 + next(_turns)}")

    async def ask(self, host: str) -> str:
        try:
            with self.network.request(host) as member:
                return member.endpoint
        except NotFound:
            return "404"
        except RouterUnavailable:
            return "503"

    @asynccontextmanager
    async def request(self, host: str) -> AsyncIterator[None]:
        with self.network.request(host):
            yield

    async def restart(self) -> None:
        self.router = MemoryRouter(self.network)


class CaddyRig:
    """Caddy in a directory that several tests share; each adopts what runs, as a restarted rack does."""

    def __init__(self, directory: Path, listen: str, stack: AsyncExitStack, options: Options = OPTIONS) -> None:
        self.directory, self.listen, self.options = directory, listen, options
        self.api: Api | None = None
        self.epoch = next(_turns)
        self.router = self.new_router()
        self._stack = stack
        self._running = AsyncExitStack()
        self._upstreams: dict[str, upstreams.Upstream] = {}

    def new_router(self) -> CaddyRouter:
        return CaddyRouter(self.directory, self.listen, SystemTime(), self.options, self.api)

    async def start(self) -> None:
        await self._running.enter_async_context(self.router.run())

    async def leave(self) -> None:
        await self._running.aclose()

    async def restart(self) -> None:
        await self.leave()
        self.router = self.new_router()
        await self.start()

    async def member(self, name: str) -> Member:
        return at((await self.upstream(name)).endpoint)

    async def upstream(self, name: str) -> upstreams.Upstream:
        served = await self._stack.enter_async_context(upstreams.upstream(name))
        self._upstreams[name] = served
        return served

    async def client(self) -> upstreams.Client:
        return await self._stack.enter_async_context(upstreams.client(self.listen))

    async def ask(self, host: str) -> str:
        async with upstreams.client(self.listen) as client:
            answer = await client.ask(host)
        name = answer.body.split()[0]
        return self._upstreams[name].endpoint if answer.status == 200 else str(answer.status)

    @asynccontextmanager
    async def request(self, host: str) -> AsyncIterator[None]:
        for served in self._upstreams.values():
            served.go.clear()
            served.arrived.clear()
        async with upstreams.client(self.listen) as client:
            await client.send(host, "/slow")
            async with asyncio.timeout(upstreams.WAIT_S):
                await self._any_arrived()
            yield
            for served in self._upstreams.values():
                served.go.set()
            await client.head()

    async def _any_arrived(self) -> None:
        waits = [asyncio.ensure_future(served.arrived.wait()) for served in self._upstreams.values()]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

"""The two backs: one is live and gets the requests, the other takes the next table of hosts.

What is under way at the back that was live, streams and WebSockets too, ends there in its own time. Only the
load after the next one takes its configuration away; WebSockets have their grace even then.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from sternway.ports import Clock
from sternway.router.caddy import configuration, part, record

Hosts = tuple[tuple[str, str], ...]

QUIET_S = 0.1
"""How long a back rests before it is loaded: so long a request may be on its way to it."""


class Backs:
    """Both backs in the router's directory; `hosts` returns the table as it should be now."""

    def __init__(
        self, directory: Path, hosts: Callable[[], Hosts], clock: Clock, options: configuration.Options
    ) -> None:
        self._directory = directory
        self._hosts = hosts
        self._clock = clock
        self._options = options
        self._parts = {name: self._part(name) for name in configuration.BACKS}
        self._loaded: Hosts | None = None
        self._loading = asyncio.Lock()
        self._switched_at = 0.0

    async def bring_up(self) -> None:
        """Adopt or start both, and see to it that the live one knows the hosts."""
        if not (self._directory / configuration.LIVE_FILE).exists():
            await self._point_at(configuration.BACKS[0])
        self._switched_at = self._clock.monotonic()
        for back in self._parts.values():
            await back.bring_up()
        live, hosts = self._live(), self._hosts()
        if await self._parts[live].in_force() == configuration.back(live, hosts, self._options):
            self._loaded = hosts
        await self.load()

    async def load(self) -> None:
        """Bring the hosts into force if they have changed; callers that wait share one load."""
        if self._loaded == self._hosts():
            return
        async with self._loading:
            if self._loaded != self._hosts():
                await self._load()

    def forget(self) -> None:
        """Trust no more that the hosts loaded are known here: another rack may have loaded others."""
        self._loaded = None

    async def keep_up(self) -> None:
        """Start again what ends, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for back in self._parts.values():
                tasks.create_task(back.keep_up())

    async def in_flight(self) -> Mapping[str, int]:
        """Return the requests of both, by endpoint."""
        total: Counter[str] = Counter()
        for back in self._parts.values():
            total.update(await back.in_flight())
        return total

    async def stop(self) -> None:
        """Stop both."""
        for back in self._parts.values():
            await back.stop()

    async def _load(self) -> None:
        await self._clock.sleep(max(0.0, self._switched_at + QUIET_S - self._clock.monotonic()))
        hosts, [idle] = self._hosts(), set(configuration.BACKS) - {self._live()}
        await self._parts[idle].load(configuration.back(idle, hosts, self._options))
        await self._point_at(idle)
        self._loaded = hosts

    async def _point_at(self, name: str) -> None:
        file = self._directory / configuration.LIVE_FILE
        await asyncio.to_thread(record.write_durably, file, configuration.dial(name))
        self._switched_at = self._clock.monotonic()

    def _live(self) -> str:
        dialled = (self._directory / configuration.LIVE_FILE).read_text()
        return next(name for name in configuration.BACKS if configuration.dial(name) == dialled)

    def _part(self, name: str) -> part.Part:
        return part.Part(
            self._directory, name, lambda: configuration.back(name, self._hosts(), self._options), self._clock
        )

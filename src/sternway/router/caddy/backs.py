"""The two backs: one is live and gets the requests, the other takes the next table of hosts.

What is under way at the back that was live, streams and WebSockets too, ends there in its own time. Only the
load after the next one takes its configuration away; WebSockets have their grace even then.

The front keeps connections to the back. A load closes those of the back loaded, and a request sent on one at
that moment would be lost. So each load has a back listen at a new address: the front, which keeps connections
by address, has none to an address that becomes live, and sends nothing more to one that was.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from sternway.core.errors import RouterUnavailable
from sternway.ports import Clock
from sternway.router import table
from sternway.router.caddy import configuration, part, proxies, record
from sternway.router.caddy.configuration import Address


class Backs:
    """Both backs in the router's directory; `hosts` returns the table as it should be now."""

    def __init__(
        self, directory: Path, hosts: Callable[[], table.Hosts], clock: Clock, options: configuration.Options
    ) -> None:
        self._directory = directory
        self._hosts = hosts
        self._clock = clock
        self._options = options
        self._parts = {name: self._part(name) for name in configuration.BACKS}
        self._loaded: table.Hosts | None = None
        self._loading = asyncio.Lock()
        self._switched_at = 0.0

    async def bring_up(self) -> None:
        """Adopt or start both, and see to it that the live one knows the hosts."""
        if not self._live_file.exists():
            await self._point_at(Address(configuration.BACKS[0], 1))
        self._switched_at = self._clock.monotonic()
        for back in self._parts.values():
            await back.bring_up()
        live, hosts = self._live(), self._hosts()
        if await self._parts[live.back].in_force() == configuration.back(live, hosts, self._options):
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
        await self._clock.sleep(max(0.0, self._switched_at + self._options.rest_s - self._clock.monotonic()))
        hosts, live = self._hosts(), self._live()
        [resting] = set(configuration.BACKS) - {live.back}
        address = Address(resting, live.turn + 1)
        await self._parts[resting].load(configuration.back(address, hosts, self._options))
        await self._point_at(address)
        self._loaded = hosts

    async def _point_at(self, address: Address) -> None:
        await asyncio.to_thread(record.write_durably, self._live_file, address.dialled)
        self._switched_at = self._clock.monotonic()

    @property
    def _live_file(self) -> Path:
        return self._directory / proxies.LIVE_FILE

    def _live(self) -> Address:
        try:
            return Address.parse(self._live_file.read_text())
        except (OSError, ValueError) as exc:
            raise RouterUnavailable(f"cannot read {self._live_file}: {exc}", hint="remove it and start again") from exc

    def _part(self, name: str) -> part.Part:
        return part.Part(self._directory, name, lambda: self._wanted(name), self._clock)

    def _wanted(self, name: str) -> proxies.Json:
        """Return what to start a back with; the one that rests has had the turn before."""
        live = self._live()
        address = live if name == live.back else Address(name, live.turn - 1)
        return configuration.back(address, self._hosts(), self._options)

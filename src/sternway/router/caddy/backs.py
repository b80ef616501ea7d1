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
from sternway.router.caddy import configuration, names, part, proxies, record
from sternway.router.caddy.configuration import Address


class Backs:
    """Both backs in the router's directory; `hosts` returns the table as it should be now."""

    def __init__(
        self,
        directory: Path,
        hosts: Callable[[], table.Hosts],
        clock: Clock,
        options: configuration.Options,
        *,
        generation: int = 0,
    ) -> None:
        self._directory = directory
        self._hosts = hosts
        self._clock = clock
        self._options = options
        self._generation = generation
        self._parts = {name: self._part(name) for name in (names.named(role, generation) for role in names.BACKS)}
        self._loaded: table.Hosts | None = None
        self._loading = asyncio.Lock()
        self._switched_at = 0.0

    async def bring_up(self) -> None:
        """Adopt or start both, and see to it that one of them is live and knows the hosts.

        When another generation was live until now, this is the moment at which it is no longer.
        """
        if not (self._directory / proxies.LIVE_FILE).exists():
            await self._point_at(Address(next(iter(self._parts)), 1))
        self._switched_at = self._clock.monotonic()
        for back in self._parts.values():
            await back.bring_up()
        live, hosts = live_back(self._directory), self._hosts()
        if live.back in self._parts:
            in_force = await self._parts[live.back].in_force()
            self._loaded = hosts if in_force == configuration.back(live, hosts, self._options) else None
        else:
            self.forget()
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

    async def are_current(self) -> bool:
        """Tell whether both run the binary that they would be started with."""
        return all([await back.is_current() for back in self._parts.values()])

    async def stop(self) -> None:
        """Stop both."""
        for back in self._parts.values():
            await back.stop()

    async def _load(self) -> None:
        await self._clock.sleep(max(0.0, self._switched_at + self._options.rest_s - self._clock.monotonic()))
        hosts, live = self._hosts(), live_back(self._directory)
        resting = next(name for name in self._parts if name != live.back)
        address = Address(resting, live.turn + 1)
        await self._parts[resting].load(configuration.back(address, hosts, self._options))
        await self._point_at(address)
        self._loaded = hosts

    async def _point_at(self, address: Address) -> None:
        await asyncio.to_thread(record.write_durably, self._directory / proxies.LIVE_FILE, address.dialled)
        self._switched_at = self._clock.monotonic()

    def _part(self, name: str) -> part.Part:
        order = part.Order(name, lambda: self._wanted(name), self._options.program, is_due=self._is_due)
        return part.Part(self._directory, order, self._clock)

    def _is_due(self) -> bool:
        return is_live(self._directory, self._generation)

    def _wanted(self, name: str) -> proxies.Json:
        """Return what to start a back with; one that rests has had the turn before."""
        live = live_back(self._directory)
        address = live if name == live.back else Address(name, live.turn - 1)
        return configuration.back(address, self._hosts(), self._options)


def live_back(directory: Path) -> Address:
    """Return where requests go. Raises RouterUnavailable when that cannot be read."""
    file = directory / proxies.LIVE_FILE
    try:
        return Address.parse(file.read_text())
    except (OSError, ValueError) as exc:
        raise RouterUnavailable(f"cannot read {file}: {exc}", hint="remove it and start again") from exc


def generation_live(directory: Path) -> int:
    """Return the generation that is to serve: the live back's, the first one in a new directory."""
    is_new = not (directory / proxies.LIVE_FILE).exists()
    return 0 if is_new else names.generation(live_back(directory).back)


def is_live(directory: Path, generation: int) -> bool:
    """Tell whether this generation is to serve; one that cannot know goes on."""
    try:
        return generation_live(directory) == generation
    except RouterUnavailable:
        return True

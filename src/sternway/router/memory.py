"""A router in memory: the same contract as the real one, for tests and for trying things out.

A `MemoryNetwork` is what outlives a rack: several MemoryRouters over one network are one router before and
after a restart. Requests are made by hand: `request` picks a member as the router would, and counts.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count

from sternway.core.errors import NotFound, RouterUnavailable
from sternway.core.formation import Member, ProcessState, Route
from sternway.router import table


@dataclass(slots=True)
class MemoryNetwork:
    """What the router has on its side. `is_down` makes every call fail; `applied` counts what changed it."""

    routes: dict[str, tuple[Route, ...]] = field(default_factory=dict)
    epoch: int = 0
    is_down: bool = False
    applied: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    _turns: Iterator[int] = field(default_factory=count)

    @contextmanager
    def request(self, host: str) -> Iterator[Member]:
        """Be a request in flight to `host`, at the member that it was given to.

        Raises NotFound for an unknown host (404) and RouterUnavailable for a route without members (503).
        """
        member = self._choose(host)
        self.requests[member.endpoint] += 1
        try:
            yield member
        finally:
            self.requests[member.endpoint] -= 1

    def _choose(self, host: str) -> Member:
        route = self._route(table.matched_as(host.partition(":")[0]))
        if not route.members:
            raise RouterUnavailable(f"{route.service} has no process to answer", hint="look at its processes")
        return route.members[next(self._turns) % len(route.members)]

    def _route(self, host: str) -> Route:
        by_name = {table.matched_as(name): r for routes in self.routes.values() for r in routes for name in r.hosts}
        name = table.find(host, by_name)
        if name is not None:
            return by_name[name]
        raise NotFound(f"no such app here: {host}", hint="look at the hosts of the app")


class MemoryRouter:
    """Fills Router and Traffic over a network in memory."""

    def __init__(self, network: MemoryNetwork | None = None) -> None:
        self.network = network or MemoryNetwork()

    @property
    def epoch(self) -> int:
        """Return the highest epoch that wrote."""
        return self.network.epoch

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Adopt the network as it is; leaving changes nothing."""
        self._check_up()
        yield

    async def apply(self, app: str, routes: tuple[Route, ...], *, epoch: int) -> None:
        """Replace the routes of the app; see `ports.Router`."""
        self._check_up()
        table.check_epoch(self.network.epoch, epoch)
        table.check_hosts(table.hosts(self.network.routes), app, routes)
        self.network.epoch = epoch
        wanted = table.in_order(routes)
        if wanted == self.network.routes.get(app, ()):
            return
        self.network.applied += 1
        self.network.routes[app] = wanted
        if not wanted:
            del self.network.routes[app]

    async def observe(self, app: str) -> tuple[Route, ...]:
        """Return the routes as last applied, sorted by service."""
        self._check_up()
        return self.network.routes.get(app, ())

    async def processes(self) -> Sequence[ProcessState]:
        """Return none."""
        return ()

    async def stop(self) -> None:
        """Go down; the routes stay, as files do."""
        self.network.is_down = True

    async def in_flight(self) -> Mapping[str, int]:
        """Return what `request` holds open."""
        self._check_up()
        return {endpoint: number for endpoint, number in self.network.requests.items() if number}

    def _check_up(self) -> None:
        if self.network.is_down:
            raise RouterUnavailable("the router does not answer", hint="look at the rack's own logs")

"""A router in memory: the same contract as the real one, for tests and for trying things out.

A `MemoryNetwork` is what outlives a rack: several MemoryRouters over one network are one router before and
after a restart. Requests are made by hand: `request` picks a member as the router would, and counts.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from time import time

from sternway.core.errors import NotFound, RouterUnavailable
from sternway.core.formation import Member, ProcessState, Route
from sternway.core.traffic import Grain, Series
from sternway.router import table
from sternway.router.tally import Answered, Tally


@dataclass(slots=True)
class MemoryNetwork:
    """What the router has on its side. `is_down` makes every call fail; `applied` counts what changed it."""

    routes: dict[str, tuple[Route, ...]] = field(default_factory=dict)
    epoch: int = 0
    is_down: bool = False
    applied: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    now: Callable[[], float] = time
    _turns: Iterator[int] = field(default_factory=count)

    @contextmanager
    def request(self, host: str) -> Iterator[Member]:
        """Be a request in flight to `host`, at the member that it was given to.

        Raises NotFound for an unknown host (404) and RouterUnavailable for a route without members (503).
        """
        app, route = self._route(table.matched_as(host.partition(":")[0]))
        if not route.members:
            self.answered(app, status=503)
            raise RouterUnavailable(f"{route.service} has no process to answer", hint="look at its processes")
        member = route.members[next(self._turns) % len(route.members)]
        begun = self.now()
        self.requests[member.endpoint] += 1
        try:
            yield member
        finally:
            self.requests[member.endpoint] -= 1
            self.answered(app, took_s=self.now() - begun)

    def answered(self, app: str, *, status: int = 200, took_s: float = 0.0, ago_s: float = 0.0) -> None:
        """Count a request as one that ended so long ago."""
        now = self.now()
        self.tally.add(Answered(app, now - ago_s, status, took_s), now)

    def _route(self, host: str) -> tuple[str, Route]:
        by_name = {
            table.matched_as(name): (app, route)
            for app, routes in self.routes.items()
            for route in routes
            for name in route.hosts
        }
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

    async def counted(self, apps: Collection[str], grain: Grain) -> Mapping[str, Series]:
        """Return what `request` and `answered` counted."""
        self._check_up()
        return self.network.tally.series(apps, grain, self.network.now())

    def _check_up(self) -> None:
        if self.network.is_down:
            raise RouterUnavailable("the router does not answer", hint="look at the rack's own logs")

"""A front and two backs that run the same binary: started beside the generation before, adopted by a restarted rack."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sternway.core.errors import RouterUnavailable
from sternway.ports import Clock
from sternway.router import table
from sternway.router.caddy import backs, configuration, listening, names, part, process


@dataclass(frozen=True, slots=True)
class Plan:
    """What all generations of a router have in common."""

    directory: Path
    listen: str
    api: configuration.Api | None
    options: configuration.Options
    hosts: Callable[[], table.Hosts]
    clock: Clock


class Generation:
    """The parts with this number."""

    def __init__(self, plan: Plan, number: int) -> None:
        self.number = number
        self._plan = plan
        self._front_name = names.named(names.FRONT, number)
        self._wanted = configuration.front(plan.listen, plan.options, plan.api, name=self._front_name)
        listened = {configuration.ROUTER_SOCKET: plan.listen}
        if plan.api:
            listened[configuration.API_SOCKET] = plan.api.listen
        self._listeners = listening.Listeners(self._front_name, listened)
        self._front = part.Part(plan.directory, self._order(), plan.clock)
        self.backs = backs.Backs(plan.directory, plan.hosts, plan.clock, plan.options, generation=number)

    async def bring_up(self) -> None:
        """Adopt or start the parts, the front last: it takes the new connections from any front before it."""
        await self.backs.bring_up()
        try:
            await self._front.bring_up()
        except RouterUnavailable:
            self.release()
            if not process.oldest_first(self._plan.directory, names.FRONT):
                # Without a front nothing reaches the backs: they are not left behind for nothing.
                await self.backs.stop()
            raise

    async def is_current(self) -> bool:
        """Tell whether what runs of it runs the binary that it would be started with."""
        return await self.backs.are_current() and await self._front.is_current()

    async def is_as_wanted(self) -> bool:
        """Tell whether the front, if it runs and answers, has the configuration that it would be started with."""
        with contextlib.suppress(RouterUnavailable):
            return not self._front.is_there() or await self._front.in_force() in (None, self._wanted)
        return True

    def is_where_wanted(self) -> bool:
        """Tell whether the front, if it runs, listens on the addresses that it would be started with."""
        wanted = set(configuration.addresses(self._wanted))
        return not self._front.is_there() or set(self._addresses(self._front_name)) == wanted

    def is_cut_short(self) -> bool:
        """Tell whether its take-over was: new connections may still come to a front that nobody told to go."""
        fronts = process.oldest_first(self._plan.directory, names.FRONT)
        untold = [name for name in fronts if not (self._plan.directory / configuration.leaving_file(name)).exists()]
        return self._front_name in fronts and untold != [self._front_name]

    def as_it_runs(self) -> "Generation":
        """Return it such that it is started again, should it end, with the binary that it runs now."""
        binary = process.image(self._plan.directory, self._front_name) or self._plan.options.binary
        return Generation(replace(self._plan, options=replace(self._plan.options, binary=binary)), self.number)

    async def keep_up(self) -> None:
        """Start again what ends, until cancelled or another generation is live."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.backs.keep_up())
            tasks.create_task(self._keep_up_front())

    async def give_up(self) -> None:
        """Stop the front, which has no clients yet. The backs may have requests: they are seen off in their time."""
        self.release()
        await self._front.stop()

    def gone(self, name: str) -> None:
        """Follow that a Caddy of another generation has ended."""
        self._listeners.gone(name)

    def release(self) -> None:
        """Hold the sockets of the front no more."""
        self._listeners.close()

    def _order(self) -> part.Order:
        return part.Order(
            self._front_name,
            lambda: self._wanted,
            self._plan.options.program,
            sockets=self._sockets,
            ready=self._listeners.take,
            is_due=self._is_due,
        )

    def _sockets(self) -> Mapping[str, socket.socket]:
        """Listen for a front that is about to be started, beside those that run."""
        fronts = process.oldest_first(self._plan.directory, names.FRONT)
        return self._listeners.opened({name: self._addresses(name) for name in fronts if name != self._front_name})

    def _addresses(self, name: str) -> Collection[str]:
        """Return where this front listens, as far as can be read."""
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            return configuration.addresses(json.loads((self._plan.directory / f"{name}.json").read_text()))
        return ()

    async def _keep_up_front(self) -> None:
        try:
            await self._front.keep_up()
        finally:
            self.release()

    def _is_due(self) -> bool:
        return backs.is_live(self._plan.directory, self.number)

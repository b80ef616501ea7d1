"""The router over Caddy: fills Router and Traffic."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sternway.core.errors import RouterUnavailable
from sternway.core.formation import ProcessState, Route
from sternway.core.traffic import Grain, Series
from sternway.ports import Clock
from sternway.router import table
from sternway.router.caddy import backs, configuration, counting, generation, layout, lock, names, process, record
from sternway.router.caddy.configuration import Options
from sternway.router.caddy.files import RouteFiles
from sternway.router.caddy.leaving import Leaving

log = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 10.0
START_TIMEOUT_S = 60.0
STOP_GRACE_S = 10.0
SETTLE_S = 0.05
"""How long after a switch a request may have been given an endpoint that left, and not yet be counted there."""


class CaddyRouter:
    """Caddy in a directory, listening on `HOST:PORT`, and with `api` for the rack itself too."""

    def __init__(
        self,
        directory: Path,
        listen: str,
        clock: Clock,
        options: Options | None = None,
        api: configuration.Api | None = None,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._options = options or Options()
        self._files = RouteFiles(directory)
        self._plan = generation.Plan(directory, listen, api, self._options, lambda: self._files.hosts, clock)
        self._serving = generation.Generation(self._plan, 0)
        self._leaving = Leaving(directory, clock, self._options, 0)
        self._problem = ""
        self._counting = counting.Counting(directory, clock)
        self._changing = asyncio.Lock()
        self._left: dict[str, float] = {}
        self._gaps: dict[str, float] = {}
        self._watching: asyncio.Task[None] | None = None

    @property
    def epoch(self) -> int:
        """Return the highest epoch that wrote."""
        return self._files.epoch

    @property
    def problem(self) -> str:
        """Return why an earlier Caddy serves on instead of this version's own; empty when none does."""
        return self._problem

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Start the processes or adopt them, and start again what ends; leaving leaves them running.

        Raises RouterUnavailable, with nothing touched, when a newer version left what this one does not know.
        """
        await asyncio.to_thread(layout.enter, self._directory)
        await asyncio.to_thread(self._files.open)
        self._gaps = dict.fromkeys(self._files.gaps(), self._clock.monotonic())
        async with lock.held(self._directory / "run" / "start.lock", self._clock, timeout_s=START_TIMEOUT_S):
            await self._begin()
        self._counting = counting.Counting(self._directory, self._clock)
        # Not a TaskGroup around the block: it would wrap what the block raises.
        self._watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            await self._stop_watching()
            await self._counting.close()

    async def apply(self, app: str, routes: tuple[Route, ...], *, epoch: int) -> None:
        """Switch the app to these routes; see `ports.Router`.

        Cancelled, it either has not begun or has switched; a load may then be missing until the next call.
        """
        await _whole(self._switch(app, table.in_order(routes), epoch))
        await self._serving.backs.load()
        if not routes:
            await _whole(self._discard(app))

    async def observe(self, app: str) -> tuple[Route, ...]:
        """Return the routes as last applied, from disk."""
        # Not in a thread: that would take longer than to read one small file.
        return record.read(self._directory, app)

    async def processes(self) -> Sequence[ProcessState]:
        """Return the front and the backs, as the system lists them, and those of earlier versions that end yet."""
        serving = [names.named(role, self._serving.number) for role in names.ROLES]
        listed = [*serving, *self._leaving.names]
        found = [await asyncio.to_thread(process.state, self._directory, name) for name in listed]
        return [state for state in found if state]

    async def stop(self) -> None:
        """Stop fronts, so that no request comes, and then the backs; each ends what it has begun."""
        await self._stop_watching()
        for roles in ((names.FRONT,), names.BACKS):
            running = [name for role in roles for name in process.oldest_first(self._directory, role)]
            await asyncio.gather(*(process.stop_named(self._directory, name, STOP_GRACE_S) for name in running))

    async def in_flight(self) -> Mapping[str, int]:
        """Return Caddy's own count of requests by endpoint, with one for each that left only just now."""
        counted = Counter(await self._serving.backs.in_flight())
        counted.update(await self._leaving.in_flight())
        now = self._clock.monotonic()
        self._left = {endpoint: at for endpoint, at in self._left.items() if now - at < SETTLE_S}
        return dict.fromkeys(self._left, 1) | counted

    async def counted(self, apps: Collection[str], grain: Grain) -> Mapping[str, Series]:
        """Return what the access logs say; see `counting`."""
        return await self._counting.counted(apps, grain)

    async def _begin(self) -> None:
        """Adopt what serves, if it is what this version would start, or take over from it."""
        await asyncio.to_thread(process.claim, self._directory)
        self._serving = generation.Generation(self._plan, backs.generation_live(self._directory))
        is_current, is_as_wanted = await self._serving.is_current(), await self._serving.is_as_wanted()
        if is_current and is_as_wanted and not self._serving.is_cut_short():
            await self._serving.bring_up()
        else:
            is_other = is_current and not is_as_wanted
            await self._take_over(must=is_other or not self._serving.is_where_wanted())
        self._leaving = Leaving(self._directory, self._clock, self._options, self._serving.number)
        self._leaving.tell()

    async def _take_over(self, *, must: bool) -> None:
        """Start a generation beside the one that serves, which goes on serving should that fail.

        It fails with an error only if it `must` succeed: when it is not for another Caddy, or for other addresses too.
        """
        before, running = self._serving, process.all_running(self._directory)
        newest = max([before.number, *map(names.generation, running)])
        self._serving = generation.Generation(self._plan, newest + 1)
        try:
            await self._serving.bring_up()
        except (OSError, RouterUnavailable) as exc:
            await self._stay_with(before.as_it_runs(), exc)
            if must:
                raise

    async def _stay_with(self, before: generation.Generation, reason: Exception) -> None:
        self._problem = f"the router goes on with an earlier Caddy: {reason}"
        log.error("Caddy could not be replaced and goes on as it was", extra={"reason": str(reason)})
        failed, self._serving = self._serving, before
        await failed.give_up()
        await before.bring_up()

    async def _switch(self, app: str, routes: tuple[Route, ...], epoch: int) -> None:
        async with self._changing, self._locked():
            before, epoch_before = self._files.endpoints(app), self._files.epoch
            await asyncio.to_thread(self._files.change, app, routes, epoch)
            self._note(app, before)
            if self._files.epoch != epoch_before:
                self._serving.backs.forget()

    def _note(self, app: str, endpoints_before: Set[str]) -> None:
        now = self._clock.monotonic()
        self._left |= dict.fromkeys(endpoints_before - self._files.endpoints(app), now)
        self._gaps.pop(app, None)
        if self._files.has_gap(app):
            self._gaps[app] = now

    async def _discard(self, app: str) -> None:
        async with self._changing, self._locked():
            await asyncio.to_thread(self._files.discard, app)

    def _locked(self) -> contextlib.AbstractAsyncContextManager[None]:
        return lock.held(self._directory / "run" / "change.lock", self._clock, timeout_s=LOCK_TIMEOUT_S)

    async def _watch(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serving.keep_up())
            tasks.create_task(self._leaving.see_off(self._serving.gone))
            tasks.create_task(self._close_gaps())
            tasks.create_task(self._counting.keep_up())

    async def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
            self._watching = None
        self._serving.release()

    async def _close_gaps(self) -> None:
        """Hold requests for a route without members only as long as a member may be on its way."""
        while True:
            await self._clock.sleep(self._options.hold_s / 4)
            now = self._clock.monotonic()
            for app in [app for app, at in self._gaps.items() if now - at >= self._options.hold_s]:
                await self._close_gap(app)

    async def _close_gap(self, app: str) -> None:
        try:
            async with self._changing, self._locked():
                if self._gaps.pop(app, None) is not None:
                    await asyncio.to_thread(self._files.close_gap, app)
        except (OSError, RouterUnavailable) as exc:
            log.warning("A gap could not be closed", extra={"app": app, "reason": str(exc)})


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Do the work to its end even when cancelled meanwhile: threads cannot be stopped half-way."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise

"""The router over Caddy: fills Router and Traffic."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sternway.core.errors import RouterUnavailable
from sternway.core.formation import ProcessState, Route
from sternway.ports import Clock
from sternway.router import table
from sternway.router.caddy import backs, configuration, lock, part, process, record
from sternway.router.caddy.configuration import Options
from sternway.router.caddy.files import RouteFiles

log = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 10.0
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
        self._backs = backs.Backs(directory, lambda: self._files.hosts, clock, self._options)
        self._front_configuration = configuration.front(listen, self._options, api)
        self._front = part.Part(directory, configuration.FRONT, lambda: self._front_configuration, clock)
        self._changing = asyncio.Lock()
        self._left: dict[str, float] = {}
        self._gaps: dict[str, float] = {}
        self._watching: asyncio.Task[None] | None = None

    @property
    def epoch(self) -> int:
        """Return the highest epoch that wrote."""
        return self._files.epoch

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Start the processes or adopt them, and start again what ends; leaving leaves them running."""
        await asyncio.to_thread(self._files.open)
        self._gaps = dict.fromkeys(self._files.gaps(), self._clock.monotonic())
        await self._backs.bring_up()
        await self._bring_up_front()
        if await self._front.in_force() != self._front_configuration:
            await self._front.load(self._front_configuration)
        # Not a TaskGroup around the block: it would wrap what the block raises.
        self._watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            await self._stop_watching()

    async def apply(self, app: str, routes: tuple[Route, ...], *, epoch: int) -> None:
        """Switch the app to these routes; see `ports.Router`.

        Cancelled, it either has not begun or has switched; a load may then be missing until the next call.
        """
        await _whole(self._switch(app, table.in_order(routes), epoch))
        await self._backs.load()
        if not routes:
            await _whole(self._discard(app))

    async def observe(self, app: str) -> tuple[Route, ...]:
        """Return the routes as last applied, from disk."""
        # Not in a thread: that would take longer than to read one small file.
        return record.read(self._directory, app)

    async def processes(self) -> Sequence[ProcessState]:
        """Return the front and the backs, as the system lists them."""
        names = (configuration.FRONT, *configuration.BACKS)
        found = [await asyncio.to_thread(process.state, self._directory, name) for name in names]
        return [state for state in found if state]

    async def stop(self) -> None:
        """Stop the front, so that no request comes, and then the backs; each ends what it has begun."""
        await self._stop_watching()
        await self._front.stop()
        await self._backs.stop()

    async def in_flight(self) -> Mapping[str, int]:
        """Return Caddy's own count of requests by endpoint, with one for each that left only just now."""
        counted = await self._backs.in_flight()
        now = self._clock.monotonic()
        self._left = {endpoint: at for endpoint, at in self._left.items() if now - at < SETTLE_S}
        return dict.fromkeys(self._left, 1) | dict(counted)

    async def _bring_up_front(self) -> None:
        """Without a front nothing reaches the backs: they are not left behind for nothing."""
        try:
            await self._front.bring_up()
        except RouterUnavailable:
            if not self._front.is_there():
                await self._backs.stop()
            raise

    async def _switch(self, app: str, routes: tuple[Route, ...], epoch: int) -> None:
        async with self._changing, self._locked():
            before, epoch_before = self._files.endpoints(app), self._files.epoch
            await asyncio.to_thread(self._files.change, app, routes, epoch)
            self._note(app, before)
            if self._files.epoch != epoch_before:
                self._backs.forget()

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
            tasks.create_task(self._backs.keep_up())
            tasks.create_task(self._front.keep_up())
            tasks.create_task(self._close_gaps())

    async def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
            self._watching = None

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

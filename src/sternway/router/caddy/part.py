"""One Caddy process, from start to stop: brought up, kept up, loaded, stopped."""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sternway.core.errors import RouterUnavailable
from sternway.ports import Clock
from sternway.router.caddy import admin, configuration, lock, process, proxies, record

log = logging.getLogger(__name__)

READY_TIMEOUT_S = 15.0
READY_INTERVAL_S = 0.01
RESTART_PAUSE_S = 1.0
STOP_GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class Order:
    """What a Caddy is started with: its name, its configuration as it should be now, its binary, sockets to inherit.

    `ready` is called once it serves. `is_due` tells whether it is to run still, or another generation has taken over.
    """

    name: str
    wanted: Callable[[], proxies.Json]
    binary: Callable[[], str]
    sockets: Callable[[], Mapping[str, socket.socket]] = dict
    ready: Callable[[], None] = lambda: None
    is_due: Callable[[], bool] = lambda: True


class Part:
    """A Caddy in the directory, as ordered."""

    def __init__(self, directory: Path, order: Order, clock: Clock) -> None:
        self._directory = directory
        self._name = order.name
        self._order = order
        self._clock = clock
        self._running: process.Running | None = None

    async def bring_up(self) -> None:
        """Adopt the process that runs and answers, or start one. Raises RouterUnavailable with its last words."""
        file = self._directory / "run" / f"{self._name}.lock"
        async with lock.held(file, self._clock, timeout_s=READY_TIMEOUT_S):
            found = process.find(self._directory, self._name)
            if found is not None and await self._is_configured():
                self._running = found
                return
            if found is not None:
                await process.stop(found, STOP_GRACE_S)
            self._running = await self._start()

    async def keep_up(self) -> None:
        """Start the process again whenever it ends, until cancelled or no longer due."""
        while True:
            if self._running is not None:
                await process.ended(self._running)
            if not self._order.is_due():
                return
            log.warning("Caddy ended and is started again", extra={"part": self._name})
            try:
                await self.bring_up()
            except (OSError, RouterUnavailable) as exc:
                self._running = None
                log.error("Caddy could not be started", extra={"part": self._name, "reason": str(exc)})
                await self._clock.sleep(RESTART_PAUSE_S)

    async def in_force(self) -> object:
        """Return the configuration in force."""
        return await admin.configuration(self._directory, self._socket)

    async def in_flight(self) -> Mapping[str, int]:
        """Return how many requests it passes on, by endpoint."""
        return await admin.in_flight(self._directory, self._socket)

    async def load(self, wanted: proxies.Json) -> None:
        """Replace the configuration of the running process."""
        await admin.load(self._directory, self._socket, wanted)

    def is_there(self) -> bool:
        """Tell whether the process runs."""
        return process.find(self._directory, self._name) is not None

    async def is_current(self) -> bool:
        """Tell whether what runs runs the binary that it would be started with; so does what does not run yet."""
        found = process.find(self._directory, self._name)
        try:
            return found is None or await asyncio.to_thread(process.runs, found, self._order.binary())
        except RouterUnavailable:  # there is no binary
            return False

    async def stop(self) -> None:
        """Stop the process, if there is one."""
        await process.stop_named(self._directory, self._name, STOP_GRACE_S)

    @property
    def _socket(self) -> str:
        return configuration.admin_socket(self._name)

    async def _start(self) -> process.Running:
        running = await asyncio.to_thread(self._launch, configuration.text(self._order.wanted()))
        await self._ready(running)
        self._order.ready()
        return running

    def _launch(self, wanted: str) -> process.Running:
        record.write_durably(self._directory / f"{self._name}.json", wanted)
        for old in (path for pattern in configuration.sockets(self._name) for path in self._directory.glob(pattern)):
            old.unlink(missing_ok=True)
        return process.start(self._directory, self._name, self._order.binary(), self._order.sockets())

    async def _ready(self, running: process.Running) -> None:
        """Wait until Caddy has a configuration in force: only then does it serve."""
        deadline = self._clock.monotonic() + READY_TIMEOUT_S
        while not await self._is_configured():
            if not process.is_alive(running):
                reason = process.last_words(self._directory, self._name)
                raise RouterUnavailable(f"{self._name} ended: {reason}", hint="is the address in use already?")
            if self._clock.monotonic() > deadline:
                raise RouterUnavailable(f"{self._name} does not get ready", hint="look at its logs")
            await self._clock.sleep(READY_INTERVAL_S)

    async def _is_configured(self) -> bool:
        try:
            return await self.in_force() is not None
        except RouterUnavailable:
            return False

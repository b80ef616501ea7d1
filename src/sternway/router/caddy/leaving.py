"""Parts of earlier generations: out of use, and ended once they carry nothing any more.

No request is cut short for them. A front that leaves still answers on the connections that it has, and has each
client connect anew after an answer; a connection without requests is closed as it always is after
`client_idle_s`, so that the front is stopped when it has none. Requests, event streams and WebSockets end in their
own time, and outlive the change by `stream_grace_s` at most, as they do a load.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from sternway import files
from sternway.core.errors import RouterUnavailable
from sternway.ports import Clock
from sternway.router.caddy import admin, configuration, names, process

log = logging.getLogger(__name__)

LOOK_INTERVAL_S = 1.0
"""How often they are looked at."""
MARGIN = 1.1
"""How many times as long as needed one stays, so that nothing is on its way to it."""
STOP_GRACE_S = 5.0
"""How much longer than requests are held one is given to end: what is held is in no count."""


class Leaving:
    """Whatever runs in the directory and is not of the generation that stays."""

    def __init__(self, directory: Path, clock: Clock, options: configuration.Options, staying: int) -> None:
        self._directory = directory
        self._clock = clock
        self._options = options
        self._staying = staying
        self._names: list[str] = []

    @property
    def names(self) -> Sequence[str]:
        """Return who has been told and still runs."""
        return self._names

    def tell(self) -> None:
        """Mark them on disk, which is what tells fronts to let their clients go; clear up after those that ended."""
        self._look()
        for name in self._names:
            if self._told_at(name) is None:
                files.replace(self._mark(name), f"{self._clock.monotonic()}\n".encode())
                log.info("A Caddy gives way to another one", extra={"part": name})
        for name in self._noted():
            if names.generation(name) == self._staying:
                self._mark(name).unlink(missing_ok=True)
            elif name not in self._names:
                self._clear(name)

    async def see_off(self, gone: Callable[[str], None]) -> None:
        """End them one by one when they carry nothing, until there is none; `gone` is told of each that ended.

        One at a look: until `gone` is told, what arrives may come to any of the others, which take it in meanwhile.
        """
        while self._names:
            try:
                await self._end_one(gone)
                self.tell()
            except OSError as exc:
                log.warning("A Caddy that gives way could not be looked after", extra={"reason": str(exc)})
            await self._clock.sleep(min(LOOK_INTERVAL_S, self._options.client_idle_s / 10))

    async def _end_one(self, gone: Callable[[str], None]) -> None:
        for name in self._names:
            await self._end_if_done(name)
            if process.find(self._directory, name) is None:
                gone(name)
                return

    async def in_flight(self) -> Mapping[str, int]:
        """Return the requests that they answer still, by endpoint."""
        total: Counter[str] = Counter()
        for name in self._names:
            if names.role(name) in names.BACKS:
                total.update(await self._asked(name))
        return total

    def _look(self) -> None:
        running = process.all_running(self._directory)
        self._names = [name for name in running if names.generation(name) != self._staying]

    async def _asked(self, name: str) -> Mapping[str, int]:
        try:
            return await admin.in_flight(self._directory, configuration.admin_socket(name))
        except RouterUnavailable:
            if process.find(self._directory, name) is None:
                return {}
            raise

    async def _end_if_done(self, name: str) -> None:
        running = process.find(self._directory, name)
        if running and await self._is_done(name):
            await process.stop(running, self._options.hold_s + STOP_GRACE_S)

    async def _is_done(self, name: str) -> bool:
        age_s = self._age_s(name)
        if age_s > self._options.stream_grace_s:
            return True
        needed_s = self._options.client_idle_s if names.role(name) == names.FRONT else self._options.rest_s
        return age_s > needed_s * MARGIN and await self._carries_nothing(name)

    def _age_s(self, name: str) -> float:
        """Return how long ago it was told; no process outlives the boot, which this time counts from."""
        told_at = self._told_at(name)
        return 0.0 if told_at is None else self._clock.monotonic() - told_at

    def _told_at(self, name: str) -> float | None:
        try:
            return float(self._mark(name).read_text())
        except (OSError, ValueError):
            return None

    async def _carries_nothing(self, name: str) -> bool:
        try:
            return await admin.carried(self._directory, configuration.admin_socket(name)) == 0
        except RouterUnavailable:
            return False

    def _noted(self) -> Iterator[str]:
        return (file.stem for file in (self._directory / "run").glob("*.pid") if names.is_name(file.stem))

    def _clear(self, name: str) -> None:
        run = self._directory / "run"
        sockets = (path for pattern in configuration.sockets(name) for path in self._directory.glob(pattern))
        for file in (*sockets, self._mark(name), run / f"{name}.lock", self._directory / f"{name}.json"):
            file.unlink(missing_ok=True)
        (run / f"{name}.pid").unlink(missing_ok=True)

    def _mark(self, name: str) -> Path:
        return self._directory / configuration.leaving_file(name)

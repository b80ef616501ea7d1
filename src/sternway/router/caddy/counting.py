"""What is counted of the requests that Caddy answered: the access logs of both backs, read every second."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from sternway import threads
from sternway.core.traffic import Grain, Series
from sternway.ports import Clock
from sternway.router.caddy import access_log, names
from sternway.router.tally import Tally

INTERVAL_S = 1.0

log = logging.getLogger(__name__)


class Counting:
    """The counts of a router in a directory. A rack has its own: two over one router both count everything."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._clock = clock
        self._tally = Tally()
        self._reading = asyncio.Lock()
        self._is_failing = False
        self._logs = [access_log.AccessLog(directory / names.access_log(back)) for back in names.BACKS]

    async def counted(self, apps: Collection[str], grain: Grain) -> Mapping[str, Series]:
        """Return the newest steps of these apps, with what has ended by now."""
        async with self._reading:
            await threads.uninterrupted(self._read)
            return self._tally.series(apps, grain, self._clock.now().timestamp())

    async def keep_up(self) -> None:
        """Read what is added until cancelled, so that logs are read before they are rotated away."""
        while True:
            await self._clock.sleep(INTERVAL_S)
            async with self._reading:
                await threads.uninterrupted(self._read)

    async def close(self) -> None:
        """Let go of the logs; nothing more is counted."""
        async with self._reading:
            for each in self._logs:
                each.close()
            self._logs = []

    def _read(self) -> None:
        now = self._clock.now().timestamp()
        try:
            for each in self._logs:
                for request in each.read(now):
                    self._tally.add(request, now)
                self._tally.known_from = max(self._tally.known_from, each.known_from)
            self._is_failing = False
        except OSError as exc:
            self._tally.known_from = now
            if not self._is_failing:
                log.warning("An access log could not be read", extra={"reason": str(exc)})
            self._is_failing = True

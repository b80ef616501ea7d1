"""Load by clients that never retry, and what became of each request."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.router import rigs, upstreams

CONNECTIONS = 4
FRESH_ENOUGH_S = rigs.IDLE_S / 3
"""A client that was held up for longer leaves its connection: the router may just be closing it as unused."""


@dataclass
class Report:
    """Answers and failures, and the spans in which one name only was right: (name, from, until)."""

    answers: list[upstreams.Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    settled: list[tuple[str, float, float]] = field(default_factory=list)
    _name: str = ""
    _since: float = 0.0
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def begin_switch(self) -> float:
        return time.monotonic()

    def end_switch(self, begun: float, name: str) -> None:
        if self._name:
            self.settled.append((self._name, self._since, begun))
        self._name, self._since = name, time.monotonic()

    async def more(self, count: int) -> None:
        """Wait for that many more answers."""
        wanted = len(self.answers) + len(self.failures) + count
        async with asyncio.timeout(upstreams.WAIT_S):
            while len(self.answers) + len(self.failures) < wanted:
                self._grown.clear()
                await self._grown.wait()

    def stale(self) -> list[upstreams.Answer]:
        """Return what another member answered within a time in which only one was right."""
        return [
            answer
            for answer in self.answers
            for name, since, until in self.settled
            if since < answer.sent_at and answer.came_at < until and not answer.body.startswith(name)
        ]

    async def pump(self, address: str, host: str, stop: asyncio.Event, *, is_kept: bool) -> None:
        """Ask until stopped: on a connection for as long as the router keeps it, or on a new one each time."""
        while not stop.is_set():
            try:
                async with upstreams.client(address) as client:
                    while not stop.is_set() and await self._ask(client, host) and is_kept:
                        pass
            except (OSError, EOFError, TimeoutError) as exc:
                self.failures.append(repr(exc))
                self._grown.set()
                break

    async def _ask(self, client: upstreams.Client, host: str) -> bool:
        """Return whether the connection may be used again."""
        begun = time.monotonic()
        answer = await client.ask(host)
        (self.answers.append(answer) if answer.status == 200 else self.failures.append(str(answer)))
        self._grown.set()
        return not answer.is_last and time.monotonic() - begun < FRESH_ENOUGH_S


@asynccontextmanager
async def on(address: str, host: str, *, fresh: int = 0) -> AsyncIterator[Report]:
    """Keep asking while the block runs, so many clients of it with a new connection for each request."""
    report, stop = Report(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for number in range(CONNECTIONS):
            tasks.create_task(report.pump(address, host, stop, is_kept=number >= fresh))
        try:
            yield report
        finally:
            stop.set()

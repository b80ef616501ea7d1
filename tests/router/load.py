"""Load by clients that never retry, and what became of each request."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.router import upstreams

CONNECTIONS = 4


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

    async def pump(self, address: str, host: str, stop: asyncio.Event) -> None:
        async with upstreams.client(address) as client:
            while not stop.is_set():
                try:
                    answer = await client.ask(host)
                except (OSError, EOFError, TimeoutError) as exc:
                    self.failures.append(repr(exc))
                    break
                finally:
                    self._grown.set()
                (self.answers.append(answer) if answer.status == 200 else self.failures.append(str(answer)))


@asynccontextmanager
async def on(address: str, host: str) -> AsyncIterator[Report]:
    """Keep asking while the block runs."""
    report, stop = Report(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CONNECTIONS):
            tasks.create_task(report.pump(address, host, stop))
        try:
            yield report
        finally:
            stop.set()

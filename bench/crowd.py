"""Visitors at a fixed rate over connections that stay open, who never retry.

The schedule does not wait for answers: a request is due when it is due, and its latency counts from then.
Whatever is not a 200 read to its end is a failure, and its connection is opened anew for the next request.
A program of its own that imports nothing of the product; it prints what it saw as JSON.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Request `n` is due `n / rate` seconds after the begin, on connection `n % connections`."""

    rate: float
    seconds: float
    connections: int

    def dues(self, connection: int) -> list[float]:
        """Return when the requests of one connection are due."""
        total = int(self.rate * self.seconds)
        return [number / self.rate for number in range(connection, total, self.connections)]


@dataclass(slots=True)
class Seen:
    """What the visitors saw; `bodies` counts each different answer."""

    sent: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    bodies: Counter[str] = field(default_factory=Counter)


class Visitor:
    """One connection."""

    def __init__(self, where: tuple[str, int], host: str, seen: Seen) -> None:
        self._where = where
        self._request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self._seen = seen
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def follow(self, dues: list[float], began: float) -> None:
        """Send each request when it is due, or at once if the one before took so long."""
        loop = asyncio.get_running_loop()
        for due in dues:
            await asyncio.sleep(max(0.0, began + due - loop.time()))
            self._seen.sent += 1
            if await self._ask():
                self._seen.latencies_ms.append((loop.time() - began - due) * 1000)
        self._hang_up()

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return the connection, made anew if there is none."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._where)
        return self._streams

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status, body = await self._exchange()
        except (OSError, EOFError, ValueError) as problem:
            return self._failed(type(problem).__name__)
        if status != 200:
            return self._failed(f"status {status}")
        self._seen.bodies[body.decode(errors="replace")] += 1
        return True

    async def _exchange(self) -> tuple[int, bytes]:
        reader, writer = await self.open()
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, length = int(head.split(maxsplit=2)[1]), _length(head)
        return status, await reader.readexactly(length)

    def _failed(self, how: str) -> bool:
        self._seen.failures[how] += 1
        self._hang_up()
        return False

    def _hang_up(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None


def _length(head: str) -> int:
    """Return how long the body is; raises ValueError where that is not said."""
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    raise ValueError("no Content-Length")


async def visit(where: tuple[str, int], host: str, schedule: Schedule) -> Seen:
    """Follow the schedule to its end; the connections are open before it begins."""
    seen = Seen()
    visitors = [Visitor(where, host, seen) for _ in range(schedule.connections)]
    for visitor in visitors:
        await visitor.open()
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as tasks:
        for number, visitor in enumerate(visitors):
            tasks.create_task(visitor.follow(schedule.dues(number), began))
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--connections", type=int, required=True)
    given = parser.parse_args()
    schedule = Schedule(given.rate, given.seconds, given.connections)
    seen = asyncio.run(visit((given.address, given.port), given.host, schedule))
    print(json.dumps({name: getattr(seen, name) for name in Seen.__slots__}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

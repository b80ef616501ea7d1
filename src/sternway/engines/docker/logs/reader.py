"""What processes printed, read from the engine's own log of each container and merged by time.

First comes what is kept, then, if that is asked for, what is new. A container that starts, also once more, is heard
of from the engine's events; when the engine itself was away, everything is looked at anew.
"""

import asyncio
import contextlib
import heapq
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiodocker
import aiohttp

from sternway.core.errors import EngineUnavailable
from sternway.engines.docker import labels
from sternway.engines.docker.calls.connection import QUICK_S, Connection, translated
from sternway.engines.docker.logs.entries import Entries
from sternway.engines.docker.logs.printed import Container, Printed
from sternway.ports import Clock, LogLine, LogQuery

RETRY_S = 1.0
WAITING_LINES = 1000
EVENT_MAX_BYTES = 1024 * 1024
ID_DIGITS = 12
"""How much of a container's id is the id of its process."""

GONE = frozenset({404, 409})
"""What the engine says of a container that was removed, or is about to be."""


class DockerLogs:
    """Fills `ports.Logs`."""

    def __init__(self, connection: Connection, rack: str, *, clock: Clock) -> None:
        self._connection = connection
        self._rack = rack
        self._clock = clock

    async def read(self, app: str, query: LogQuery) -> AsyncIterator[LogLine]:
        """Yield what is kept, and with `follow` what comes; lines are in order as far as they were there at once.

        Raises EngineUnavailable when the engine does not answer at first. One that goes away while it is followed
        is waited for, and followed from where it was.
        """
        engine = _Containers(self._connection, self._rack, app, query)
        async with self._connection.opened():
            known = {found.id: Printed(found, query.since) for found in await engine.present()}
            async with contextlib.aclosing(_kept(engine, known.values(), query.tail)) as kept:
                async for line in kept:
                    yield line
            if query.follow:
                async with contextlib.aclosing(_Following(engine, known, query, self._clock).lines()) as coming:
                    async for line in coming:
                        yield line


@dataclass(frozen=True, slots=True)
class _Containers:
    """What an engine says of the containers that a query is about."""

    connection: Connection
    rack: str
    app: str
    query: LogQuery

    async def present(self) -> list[Container]:
        """Return those that run and those that are kept."""
        params = {"all": "1", "filters": labels.encoded(self._filter())}
        with translated(f"list the containers of {self.app}"):
            async with asyncio.timeout(QUICK_S):
                found = await self.connection.docker._query_json("containers/json", params=params)
        return [container for each in found if (container := self._wanted(each["Id"], each["Labels"]))]

    async def lines(self, printed: Printed, *, follow: bool, tail: int | None = None) -> AsyncGenerator[LogLine, None]:
        """Yield what is new of one container; nothing of one that is gone."""
        wanted = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": str(int(follow))}
        since = printed.go_on()
        params = wanted | {"tail": "all" if tail is None else str(tail)} | ({"since": since} if since else {})
        found = Entries()
        with translated(f"read the log of {printed.id[:ID_DIGITS]}"):
            async with self._answer(f"containers/{printed.id}/logs", params, is_endless=follow) as content:
                async for chunk in content.iter_any():
                    for line in printed.lines(found.feed(chunk)):
                        yield line
                for line in printed.lines(found.rest()):
                    yield line

    async def events(self) -> AsyncGenerator[Container | None, None]:
        """Yield None once the engine is heard, then each container that starts or is removed."""
        filters = {**self._filter(), "type": ["container"], "event": ["start", "destroy"]}
        with translated(f"hear of the containers of {self.app}"):
            async with self._answer("events", {"filters": labels.encoded(filters)}, is_endless=True) as content:
                yield None
                async for event in _messages(content):
                    actor = event.get("Actor", {})
                    if container := self._wanted(actor.get("ID", ""), actor.get("Attributes", {})):
                        yield container

    @contextlib.asynccontextmanager
    async def _answer(
        self, path: str, params: Mapping[str, str], *, is_endless: bool
    ) -> AsyncIterator[aiohttp.StreamReader]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=None if is_endless else QUICK_S)
        # The library's own reader of logs makes text of them, and takes a broken connection for the end.
        asking = self.connection.docker._query(path, params=dict(params), timeout=timeout)
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(QUICK_S):
                answer = await stack.enter_async_context(asking)
            stack.callback(answer.close)  # which ends the request, wherever it stands
            yield answer.content

    def _filter(self) -> Mapping[str, list[str]]:
        narrowed = {"service": self.query.service} if self.query.service else {}
        return labels.selecting(self.rack, app=self.app, **narrowed)

    def _wanted(self, id: str, labelled: Mapping[str, str]) -> Container | None:
        """Return a container that is asked for. Of events some engines tell those that have any of the labels."""
        process_id = id[:ID_DIGITS]
        marks = (mark.partition("=") for mark in self._filter()["label"])
        is_meant = self.query.process in (None, process_id) and all(labelled.get(k) == v for k, _, v in marks)
        is_wanted = is_meant and self.query.takes(labelled.get(labels.FINGERPRINT, ""))
        return Container(id, process_id, labelled.get(labels.SERVICE, "")) if is_wanted else None


async def _kept(engine: _Containers, known: Iterable[Printed], tail: int | None) -> AsyncGenerator[LogLine, None]:
    """Yield what is there by time, or the newest so many lines of it."""
    # At least one line of each is read, for where it ends is where following begins.
    each = None if tail is None else max(tail, 1)
    sources = [_ending_with_its_container(engine.lines(printed, follow=False, tail=each)) for printed in known]
    async with contextlib.aclosing(_merged(sources)) as lines:
        if tail is None:
            async for line in lines:
                yield line
            return
        newest = deque([line async for line in lines], maxlen=tail)
    for line in newest:
        yield line


async def _ending_with_its_container(lines: AsyncGenerator[LogLine, None]) -> AsyncGenerator[LogLine, None]:
    async with contextlib.aclosing(lines):
        try:
            async for line in lines:
                yield line
        except EngineUnavailable as problem:
            if not _is_gone(problem):
                raise


def _is_gone(problem: EngineUnavailable) -> bool:
    cause = problem.__cause__
    return isinstance(cause, aiodocker.DockerError) and cause.status in GONE


async def _merged(sources: list[AsyncGenerator[LogLine, None]]) -> AsyncGenerator[LogLine, None]:
    """Merge what is in order each; of every source no more than one line waits."""
    async with contextlib.AsyncExitStack() as stack:
        for source in sources:
            await stack.enter_async_context(contextlib.aclosing(source))
        firsts = [(await anext(source, None), number) for number, source in enumerate(sources)]
        heads = [(line.at, number, line) for line, number in firsts if line]
        heapq.heapify(heads)
        while heads:
            _, number, line = heads[0]
            yield line
            if following := await anext(sources[number], None):
                heapq.heapreplace(heads, (following.at, number, following))
            else:
                heapq.heappop(heads)


async def _messages(content: aiohttp.StreamReader) -> AsyncIterator[Mapping[str, Any]]:
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > EVENT_MAX_BYTES:
            raise EngineUnavailable("the Docker engine sent an event that does not end")
        for line in lines:
            yield json.loads(line)


class _Following:
    """Follows containers, each in a task of its own, and hears of those that start.

    Tasks and no TaskGroup: a group must not be held open over a yield.
    """

    def __init__(self, engine: _Containers, known: dict[str, Printed], query: LogQuery, clock: Clock) -> None:
        self._engine = engine
        self._known = known
        self._since = query.since
        self._clock = clock
        self._started: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._queue: asyncio.Queue[LogLine | None] = asyncio.Queue(WAITING_LINES)
        self._failure: BaseException | None = None

    async def lines(self) -> AsyncGenerator[LogLine, None]:
        """Yield new lines until the reader stops reading; then every request ends before this does."""
        self._begin(self._watch())
        try:
            while True:
                for line in await self._next():
                    yield line
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _next(self) -> list[LogLine]:
        """Return what waits, by time."""
        waiting = [await self._queue.get()]
        while not self._queue.empty():
            waiting.append(self._queue.get_nowait())
        if self._failure:
            raise self._failure
        return sorted((line for line in waiting if line), key=lambda line: line.at)

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(EngineUnavailable):
                async with contextlib.aclosing(self._engine.events()) as events:
                    async for container in events:
                        for there in [container] if container else await self._engine.present():
                            self._look_at(there)
            await self._clock.sleep(RETRY_S)

    def _look_at(self, container: Container) -> None:
        """Follow it, from where it was read before if it was."""
        if container.id in self._started:
            self._started[container.id].set()
            return
        started = self._started[container.id] = asyncio.Event()
        printed = self._known.setdefault(container.id, Printed(container, self._since))
        self._begin(self._follow(printed, started))

    async def _follow(self, printed: Printed, started: asyncio.Event) -> None:
        """Follow one container until it is removed. Its log ends whenever it stops, and when the engine does."""
        while True:
            started.clear()
            wait_s = None
            try:
                async with contextlib.aclosing(self._engine.lines(printed, follow=True)) as lines:
                    async for line in lines:
                        await self._queue.put(line)
            except EngineUnavailable as problem:
                if _is_gone(problem):
                    break
                wait_s = RETRY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await started.wait()
        del self._started[printed.id], self._known[printed.id]

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            self._failure = problem
            if self._queue.empty():
                self._queue.put_nowait(None)  # wakes the reader, who is awake while there is something to read

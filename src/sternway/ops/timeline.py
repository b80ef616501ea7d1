"""The log of an app: what its processes printed, merged with what the rack did for it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime

from sternway.core.app import App
from sternway.core.errors import NotFound, SternwayError
from sternway.ops.rack import Rack
from sternway.ports import LogLine, LogQuery, Step

SYSTEM_SOURCE = "system/rack"
_PAUSE_S = 30.0


async def merged(rack: Rack, app: App, query: LogQuery) -> AsyncGenerator[LogLine, None]:
    """Yield kept lines by time, then, if the query follows, new ones of either kind as they come."""
    began_at = rack.clock.now()
    for line in await _kept(rack, app, query):
        if not query.follow or line.at < began_at:
            yield line
    if query.follow:
        async with aclosing(_live(rack, app, replace(query, since=began_at, tail=None))) as lines:
            async for line in lines:
                yield line


async def _kept(rack: Rack, app: App, query: LogQuery) -> list[LogLine]:
    lines = [line async for line in rack.logs.read(app.name, replace(query, follow=False))]
    if not query.is_of_processes:
        lines += await _steps(rack, app, query.since)
    lines.sort(key=lambda line: line.at)
    return lines if query.tail is None else lines[max(0, len(lines) - query.tail) :]


async def _live(rack: Rack, app: App, query: LogQuery) -> AsyncGenerator[LogLine, None]:
    """Merge two sources through a bounded queue; when the reader stops, both end before this does.

    Tasks and no TaskGroup: a group must not be held open over a yield.
    """
    queue: asyncio.Queue[LogLine | BaseException | None] = asyncio.Queue(maxsize=1000)
    sources = [_processes(rack, app, query), _ended_by_deletion(rack, app)]
    if not query.is_of_processes:
        sources.append(_new_steps(rack, app, query.since or rack.clock.now()))
    pumps = [asyncio.create_task(_pump(source, queue)) for source in sources]
    try:
        while (item := await queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(source: AsyncIterator[LogLine | None], queue: "asyncio.Queue[LogLine | BaseException | None]") -> None:
    try:
        async for item in source:
            await queue.put(item)
    except SternwayError as exc:
        await queue.put(exc)


async def _processes(rack: Rack, app: App, query: LogQuery) -> AsyncIterator[LogLine | None]:
    async for line in rack.logs.read(app.name, query):
        yield line


async def _new_steps(rack: Rack, app: App, since: datetime) -> AsyncIterator[LogLine | None]:
    while not rack.changes.is_over:
        seen = rack.changes.version(app.name)
        for line in await _steps(rack, app, since):
            since = line.at
            yield line
        await rack.changes.wait(app.name, seen, _PAUSE_S)


async def _ended_by_deletion(rack: Rack, app: App) -> AsyncIterator[LogLine | None]:
    """Yield None, which ends the log, once the app is deleted or the rack is about to end."""
    seen = rack.changes.version(app.name)
    while not rack.changes.is_over and not await _is_gone(rack, app):
        await rack.changes.wait(app.name, seen, _PAUSE_S)
        seen = rack.changes.version(app.name)
    yield None


async def _steps(rack: Rack, app: App, after: datetime | None) -> list[LogLine]:
    async with rack.store.read() as ledger:
        return [_line(step) for step in await ledger.promotions.steps(app, after=after)]


def _line(step: Step) -> LogLine:
    return LogLine(step.at, SYSTEM_SOURCE, step.text.encode())


async def _is_gone(rack: Rack, app: App) -> bool:
    try:
        async with rack.store.read() as ledger:
            return (await ledger.apps.get(app.name)).id != app.id
    except NotFound:
        return True

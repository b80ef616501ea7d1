"""The log of an app: what its processes printed, merged with what the rack did for it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

from sternway.core.app import App
from sternway.core.errors import NotFound
from sternway.ops.rack import Rack
from sternway.ports import LogLine, LogQuery, Step

SYSTEM_SOURCE = "system/rack"
_PAUSE_S = 30.0


async def merged(rack: Rack, app: App, query: LogQuery) -> AsyncIterator[LogLine]:
    """Yield kept lines by time, then, if the query follows, new ones of either kind as they come."""
    began_at = rack.clock.now()
    for line in await _kept(rack, app, query):
        if not query.follow or line.at < began_at:
            yield line
    if not query.follow:
        return
    async for line in _live(rack, app, replace(query, since=began_at, tail=None)):
        yield line


async def _kept(rack: Rack, app: App, query: LogQuery) -> list[LogLine]:
    lines = [line async for line in rack.logs.read(app.name, replace(query, follow=False))]
    if query.service is None and query.process is None:
        lines += await _steps(rack, app, query.since)
    lines.sort(key=lambda line: line.at)
    return lines[-query.tail :] if query.tail else lines


async def _live(rack: Rack, app: App, query: LogQuery) -> AsyncIterator[LogLine]:
    """Merge two sources through a bounded queue; a reader that stops cancels both."""
    queue: asyncio.Queue[LogLine | None] = asyncio.Queue(maxsize=1000)
    async with asyncio.TaskGroup() as tasks:
        pumps = [tasks.create_task(_pump_processes(rack, app, query, queue))]
        if query.service is None and query.process is None:
            pumps.append(tasks.create_task(_pump_steps(rack, app, query.since or rack.clock.now(), queue)))
        try:
            while (line := await queue.get()) is not None:
                yield line
        finally:
            for pump in pumps:
                pump.cancel()


async def _pump_processes(rack: Rack, app: App, query: LogQuery, queue: "asyncio.Queue[LogLine | None]") -> None:
    async for line in rack.logs.read(app.name, query):
        await queue.put(line)


async def _pump_steps(rack: Rack, app: App, since: datetime, queue: "asyncio.Queue[LogLine | None]") -> None:
    """Follow the steps of promotions until the app is deleted, which ends the log."""
    while True:
        seen = rack.changes.version(app.name)
        for line in await _steps(rack, app, since):
            since = line.at
            await queue.put(line)
        if await _is_gone(rack, app):
            await queue.put(None)
            return
        await rack.changes.wait(app.name, seen, _PAUSE_S)


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

"""Use cases of the rack itself."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sternway.core.app import Made
from sternway.core.event import RACK_CHAIN, Event, Happening
from sternway.ops import parameters
from sternway.ops.changes import RACK
from sternway.ops.processes import ProcessView
from sternway.ops.rack import Rack, RackSettings
from sternway.ports import LogLine, LogQuery

SYSTEM = "system"
"""What stands for an app where there is none; no app can have this name."""
VERSION_ACTION = "rack:update"
MAX_EVENTS = 10_000
LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class SystemView:
    """The rack as clients see it. `count` machines of kind `type` run its apps.

    `problems` says what does not work now, in words for people.
    """

    settings: RackSettings
    status: str
    count: int
    type: str
    parameters: Mapping[str, str]
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version of the rack, and when it became active."""

    version: str
    at: datetime


async def describe(rack: Rack) -> SystemView:
    """Return what is known of the rack without asking an engine."""
    problem = rack.engine.problem
    return SystemView(
        rack.settings,
        "running",
        1,
        rack.engine.capabilities.name,
        await parameters.get(rack),
        [f"engine: {problem}"] if problem else [],
    )


async def processes(rack: Rack) -> Sequence[ProcessView]:
    """Return what runs beside the apps: the rack itself and its router."""
    own = rack.settings.process
    found = [] if own is None else [("rack", own)]
    found += [("router", state) for state in await rack.router.processes()]
    return [ProcessView(SYSTEM, service, state, rack.settings.version) for service, state in found]


async def record_version(rack: Rack) -> None:
    """Record that this version serves, if another one did before."""
    version = rack.settings.version
    async with rack.store.write() as ledger:
        lines = _versions(await ledger.events.list(RACK_CHAIN, MAX_EVENTS))
        if lines and lines[0].version == version:
            return
        happening = Happening(VERSION_ACTION, "rack", rack.clock.now(), detail={"version": version})
        await ledger.events.append(RACK_CHAIN, happening)
    rack.changes.notify(RACK)


async def versions(rack: Rack) -> Sequence[VersionLine]:
    """Return each time that another version became active, newest first."""
    async with rack.store.read() as ledger:
        return _versions(await ledger.events.list(RACK_CHAIN, MAX_EVENTS))


def _versions(events: Sequence[Event]) -> list[VersionLine]:
    bodies = [json.loads(event.body) for event in events]
    return [
        VersionLine(body["data"]["version"], datetime.fromisoformat(body["at"]))
        for body in bodies
        if body["action"] == VERSION_ACTION
    ]


async def request_stop(rack: Rack, made: Made, *, with_apps: bool) -> None:
    """Record that a person takes the rack down, with or without what it runs, and set it going."""
    detail = {"apps": str(with_apps).lower(), "reason": made.reason}
    async with rack.store.write() as ledger:
        await ledger.events.append(RACK_CHAIN, Happening("rack:stop", made.by, made.at, detail=detail))
    rack.shutdown.request(with_apps=with_apps)


async def logs(rack: Rack, query: LogQuery) -> AsyncGenerator[LogLine, None]:
    """Yield what the rack itself logged lately, and with `follow` what it logs from now on."""
    after, tail = query.since, query.tail
    while True:
        lines = rack.journal.lines(after)
        for line in lines if tail is None else lines[max(0, len(lines) - tail) :]:
            after = line.at
            yield line
        if not query.follow:
            return
        tail = None
        await rack.clock.sleep(LOOK_AGAIN_S)

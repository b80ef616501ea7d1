"""Use cases of the rack itself."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

from sternway.core.app import Made
from sternway.core.event import RACK_CHAIN, Happening
from sternway.ops import parameters, versions
from sternway.ops.processes import ProcessView
from sternway.ops.rack import Rack, RackSettings
from sternway.ports import LogLine, LogQuery

SYSTEM = "system"
"""What stands for an app where there is none; no app can have this name."""
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


async def describe(rack: Rack) -> SystemView:
    """Return what is known of the rack without asking an engine."""
    problem = rack.engine.problem
    return SystemView(
        rack.settings,
        "updating" if await versions.is_moving(rack) else "running",
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

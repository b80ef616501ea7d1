"""Use cases of what runs: processes, services, scale, restart and logs."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from sternway.core.app import App, Made
from sternway.core.crossing import Crossing
from sternway.core.errors import InvalidInput, NotFound, SternwayError
from sternway.core.event import Happening
from sternway.core.formation import FormationKey, FormationState, Health, ProcessState
from sternway.core.plan import Desired, ServiceTarget
from sternway.core.promotion import PromotionOptions
from sternway.core.target import desire, nothing
from sternway.ops import apps
from sternway.ops.rack import Rack
from sternway.ops.timeline import merged
from sternway.ports import Ledger, LogLine, LogQuery, OneOff, Usage

MAX_COUNT = 1000
_STEADY = (Health.HEALTHY, Health.FROZEN)
USAGE_WAIT_S = 1.0
"""How long a list waits for what processes use; it is not worth more."""


@dataclass(frozen=True, slots=True)
class ProcessView:
    """A process, its service, and the release that it serves now.

    `exit_code` is how a one-off ended by itself. `usage` is None where nobody measured. `stands_by` says that
    it was replaced, and is kept out of traffic. `fingerprint` is that of its formation.
    """

    app: str
    service: str
    state: ProcessState
    release_id: str
    is_one_off: bool = False
    exit_code: int | None = None
    usage: Usage | None = None
    stands_by: bool = False
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service of the active release, as it is to be and as it is."""

    name: str
    target: ServiceTarget
    running: int


async def list_running(rack: Rack, app_name: str) -> Sequence[ProcessView]:
    """Return the processes of an app by service, then its one-offs. Raises EngineUnavailable; none is no answer."""
    app, desired, active_id = await _active(rack, app_name)
    coming = await _coming(rack, app)
    wanted = {target.formation.key for target in desired.services}
    in_use = wanted | {member.formation for route in await rack.router.observe(app_name) for member in route.members}
    views = [
        ProcessView(
            app.name,
            formation.key.service,
            process,
            _serves(formation, wanted, active_id),
            stands_by=formation.key not in in_use and formation.release_id != coming and process.health in _STEADY,
            fingerprint=formation.key.fingerprint,
        )
        for formation in await rack.engine.observe(app.name)
        for process in formation.processes
    ]
    return [*views, *(_view_once(app.name, one_off) for one_off in await rack.processes.one_offs(app.name))]


async def list_measured(rack: Rack, app_name: str) -> Sequence[ProcessView]:
    """Return the same with what each uses, as far as the engine says so at once."""
    views = await list_running(rack, app_name)
    used = await _usage(rack, app_name) if views else {}
    return [replace(view, usage=used.get(view.state.id)) for view in views]


async def get(rack: Rack, app_name: str, process_id: str) -> ProcessView:
    """Return one process; raises NotFound."""
    return _one(await list_measured(rack, app_name), process_id)


async def stop(rack: Rack, app_name: str, process_id: str, made: Made) -> None:
    """Stop one process; its place is filled again, unless it is a one-off."""
    view = _one(await list_running(rack, app_name), process_id)
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(app_name)
        epoch = await ledger.leases.current()
        happening = Happening("process:stop", made.by, made.at, detail={"id": process_id, "reason": made.reason})
        await apps.record(ledger, app, happening)
    if view.is_one_off:
        await rack.processes.stop(app_name, process_id, epoch=epoch)
    else:
        await rack.engine.restart(await _key(rack, view), process_id, epoch=epoch)


async def services(rack: Rack, app_name: str) -> Sequence[ServiceView]:
    """Return the services of the active release; none before the first promotion."""
    _, desired, _ = await _active(rack, app_name)
    there = {formation.key: len(formation.processes) for formation in await rack.engine.observe(app_name)}
    return [
        ServiceView(target.formation.key.service, target, there.get(target.formation.key, 0))
        for target in desired.services
    ]


async def scale(rack: Rack, app_name: str, service: str, count: int, made: Made) -> None:
    """Set how many processes a service has, from now on and over releases."""
    if not 0 <= count <= MAX_COUNT:
        raise InvalidInput(f"count: {count} is not between 0 and {MAX_COUNT}", hint="give a number of processes")
    await _require_service(rack, app_name, service)
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(app_name)
        settings = replace(app.settings, scale={**app.settings.scale, service: count})
        await ledger.apps.set(app, settings, made)
        detail = {"service": service, "count": str(count), "reason": made.reason}
        await apps.record(ledger, app, Happening("release:scale", made.by, made.at, detail=detail))
        rack.cross(Crossing.SCALING)
    rack.cross(Crossing.SCALED)
    rack.changes.notify(app_name)


async def restart(rack: Rack, app_name: str, service: str, made: Made) -> None:
    """Restart the processes of a service, one after the other."""
    await _require_service(rack, app_name, service)
    for view in await list_running(rack, app_name):
        if view.service == service and not view.is_one_off:
            await stop(rack, app_name, view.state.id, made)


async def logs(rack: Rack, app_name: str, query: LogQuery) -> AsyncGenerator[LogLine, None]:
    """Yield what the processes printed and what the rack did for the app (`system/…`), by time.

    Raises NotFound for an app, and for a service of which there is neither a process nor anything that one printed.
    """
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
    if query.service is not None:
        await _require_printing(rack, app_name, query.service)
    async with aclosing(merged(rack, app, query)) as lines:
        async for line in lines:
            yield line


async def _active(rack: Rack, app_name: str) -> tuple[App, Desired, str]:
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
        return await _desired_of_active(rack, ledger, app)


async def _desired_of_active(rack: Rack, ledger: Ledger, app: App) -> tuple[App, Desired, str]:
    active = await ledger.promotions.active(app)
    if active is None or active.build_id is None:
        return app, nothing(app.name), ""
    build = await ledger.builds.get(app, active.build_id)
    return app, desire(app, active, build, rack.place(), PromotionOptions()), active.id


async def _coming(rack: Rack, app: App) -> str | None:
    """Return the release that is on its way in."""
    async with rack.store.read() as ledger:
        latest = await ledger.promotions.latest(app)
    return latest.release_id if latest and latest.status.is_open else None


def _view_once(app_name: str, one_off: OneOff) -> ProcessView:
    return ProcessView(
        app_name, one_off.service, one_off.state, one_off.release_id, is_one_off=True, exit_code=one_off.exit_code
    )


async def _usage(rack: Rack, app_name: str) -> Mapping[str, Usage]:
    try:
        async with asyncio.timeout(USAGE_WAIT_S):
            return await rack.processes.usage(app_name)
    except (TimeoutError, SternwayError):
        return {}


def _one(views: Sequence[ProcessView], process_id: str) -> ProcessView:
    for view in views:
        if view.state.id == process_id:
            return view
    raise NotFound(f"process not found: {process_id}", hint="list them: sternway ps")


async def _key(rack: Rack, view: ProcessView) -> FormationKey:
    for formation in await rack.engine.observe(view.app):
        if any(process.id == view.state.id for process in formation.processes):
            return formation.key
    raise NotFound(f"process not found: {view.state.id}", hint="list them: sternway ps")


def _serves(formation: FormationState, wanted: set[FormationKey], active_id: str) -> str:
    return active_id if formation.key in wanted else formation.release_id


async def _require_printing(rack: Rack, app_name: str, service: str) -> None:
    """Raise NotFound for a service that is not active and never left a line, which an earlier release's may have."""
    _, desired, _ = await _active(rack, app_name)
    known = {target.formation.key.service for target in desired.services}
    if service in known or await _has_printed(rack, app_name, service):
        return
    known |= {formation.key.service for formation in await rack.engine.observe(app_name)}
    if service not in known:
        there = f"its services are {', '.join(sorted(known))}" if known else "none is active yet"
        raise NotFound(f"service not found: {app_name} has no {service}; {there}")


async def _has_printed(rack: Rack, app_name: str, service: str) -> bool:
    kept = rack.logs.read(app_name, LogQuery(tail=1, service=service, follow=False))
    return any([True async for _ in kept])


async def _require_service(rack: Rack, app_name: str, service: str) -> None:
    known = [view.name for view in await services(rack, app_name)]
    if service not in known:
        raise NotFound(
            f"service not found: {service}", hint=f"services of {app_name}: {', '.join(known) or 'none is active yet'}"
        )

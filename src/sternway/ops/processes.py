"""Use cases of what runs: processes, services, scale, restart and logs."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from sternway.core.app import App, Made
from sternway.core.crossing import Crossing
from sternway.core.errors import InvalidInput, NotFound
from sternway.core.event import Happening
from sternway.core.formation import FormationKey, FormationState, ProcessState
from sternway.core.plan import Desired, ServiceTarget
from sternway.core.promotion import PromotionOptions
from sternway.core.target import desire, nothing
from sternway.ops import apps
from sternway.ops.rack import Rack
from sternway.ops.timeline import merged
from sternway.ports import Ledger, LogLine, LogQuery

MAX_COUNT = 1000


@dataclass(frozen=True, slots=True)
class ProcessView:
    """A process, its service, and the release that it serves now."""

    app: str
    service: str
    state: ProcessState
    release_id: str


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service of the active release, as it is to be and as it is."""

    name: str
    target: ServiceTarget
    running: int


async def list_running(rack: Rack, app_name: str) -> Sequence[ProcessView]:
    """Return the processes of an app by service. Raises EngineUnavailable rather than saying that none run."""
    app, desired, active_id = await _active(rack, app_name)
    wanted = {target.formation.key for target in desired.services}
    return [
        ProcessView(app.name, formation.key.service, process, _serves(formation, wanted, active_id))
        for formation in await rack.engine.observe(app.name)
        for process in formation.processes
    ]


async def get(rack: Rack, app_name: str, process_id: str) -> ProcessView:
    """Return one process; raises NotFound."""
    for view in await list_running(rack, app_name):
        if view.state.id == process_id:
            return view
    raise NotFound(f"process not found: {process_id}", hint=f"sternway ps -a {app_name}")


async def stop(rack: Rack, app_name: str, process_id: str, made: Made) -> None:
    """Stop one process; its place is filled again."""
    await get(rack, app_name, process_id)
    formations = await rack.engine.observe(app_name)
    key = next(f.key for f in formations if any(p.id == process_id for p in f.processes))
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(app_name)
        epoch = await ledger.leases.current()
        happening = Happening("process:stop", made.by, made.at, detail={"id": process_id, "reason": made.reason})
        await apps.record(ledger, app, happening)
    await rack.engine.restart(key, process_id, epoch=epoch)


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
        if view.service == service:
            await stop(rack, app_name, view.state.id, made)


async def logs(rack: Rack, app_name: str, query: LogQuery) -> AsyncGenerator[LogLine, None]:
    """Yield what the processes printed and what the rack did for the app (`system/…`), by time."""
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
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


def _serves(formation: FormationState, wanted: set[FormationKey], active_id: str) -> str:
    return active_id if formation.key in wanted else formation.release_id


async def _require_service(rack: Rack, app_name: str, service: str) -> None:
    known = [view.name for view in await services(rack, app_name)]
    if service not in known:
        raise NotFound(
            f"service not found: {service}", hint=f"services of {app_name}: {', '.join(known) or 'none is active yet'}"
        )

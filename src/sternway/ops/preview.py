"""Use cases of previews: what a rollback would do, proved before anything changes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import TypeVar

from sternway.core import history
from sternway.core.app import App, Made
from sternway.core.errors import EnvironmentMissing, InvalidInput, SternwayError
from sternway.core.formation import FormationState, Health
from sternway.core.history import STARTING, Stand
from sternway.core.manifest import Manifest, parse
from sternway.core.plan import Desired, ServiceTarget
from sternway.core.promotion import Promotion, PromotionOptions, Standing, admit
from sternway.core.release import Release
from sternway.core.standby import Manner
from sternway.ops import commands, comparison, reach
from sternway.ops.commands import Ahead
from sternway.ops.comparison import Comparison, Side
from sternway.ops.promotions import Back
from sternway.ops.rack import Rack
from sternway.ops.reach import Candidate
from sternway.ports import Ledger

T = TypeVar("T")
Past = tuple[Stand, frozenset[str]]

PATIENCE_S = 5.0
"""How long engine and router may each take to say what is there."""
LOOKED_AT = 20
"""So many promotions of the app say how long the next one will take."""
OUTSIDE = "whatever the app keeps elsewhere: databases, queues, files of others"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `ok` is None where it could not be found out."""

    name: str
    ok: bool | None
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ServiceOutlook:
    """One service of the target: how many processes it is to have, and how many of these are there already."""

    name: str
    count: int
    there: int | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen. `release` is what would be promoted, with the description that it would have.

    `commands` run before it begins; those of the kind `rollback` only where that is asked for.
    `is_in_standby`: everything that it needs is there already, None where the engine does not say.
    `expected_s` is the median of this app's own promotions of that kind, of which there were `measured`.
    `stays` is what would not come back, each in words. `differences` are from the active release to the
    target, None where none is active.
    """

    app: str
    release: Release
    checks: Sequence[Finding]
    services: Sequence[ServiceOutlook] = ()
    commands: Sequence[Ahead] = ()
    is_in_standby: bool | None = None
    expected_s: float | None = None
    measured: int = 0
    stays: Sequence[str] = ()
    differences: Comparison | None = None

    @property
    def would_work(self) -> bool:
        """Tell whether nothing that was looked at stands in the way."""
        return all(check.ok is not False for check in self.checks)


@dataclass(frozen=True, slots=True)
class _Basis:
    """What the ledger says, read at once."""

    app: App
    candidate: Candidate
    active: Release | None
    latest: Promotion | None
    sides: tuple[Side, Side] | None
    past: Sequence[Past]
    commands: Sequence[Ahead]
    others: Sequence[str]


async def preview(rack: Rack, app_name: str, back: Back, made: Made) -> Preview:
    """Return what a rollback would do, and change nothing; raises NotFound for the app or the release.

    What stands in the way is in the checks; they are those of a real rollback, and some that it leaves to the worker.
    """
    async with rack.store.read() as ledger:
        basis = await _read(ledger, app_name, back, made)
    desired, readable = _readable(rack, basis)
    formations, engine = await _asked("engine", lambda: rack.engine.observe(app_name))
    services = _outlooks(desired, formations) if desired else ()
    is_there = _is_there(services) if desired else None
    checks = [_admitted(basis), *readable, await _artifacts(rack, app_name, desired), engine]
    checks += await _hosts(rack, basis, desired)
    of_its_kind = _of_kind(basis.past, desired, is_warm=bool(is_there))
    return Preview(
        app=app_name,
        release=basis.candidate.release,
        checks=[*checks, *_settings(basis, back)],
        services=services,
        commands=basis.commands,
        is_in_standby=is_there,
        expected_s=None if is_there is None else history.typical_s(of_its_kind),
        measured=0 if is_there is None else len(of_its_kind),
        stays=list(_stays(basis)),
        differences=await comparison.between(rack, basis.app, *basis.sides) if basis.sides else None,
    )


async def _read(ledger: Ledger, app_name: str, back: Back, made: Made) -> _Basis:
    app = await ledger.apps.get(app_name)
    candidate = await reach.gone_back_to(ledger, app, back.release_id, back.part, made)
    active = await ledger.promotions.active(app)
    sides = await _sides(ledger, app, active, candidate.release) if active else None
    return _Basis(
        app=app,
        candidate=candidate,
        active=active,
        latest=await ledger.promotions.latest(app),
        sides=sides,
        past=await _past(ledger, app),
        commands=await commands.ahead(ledger, app, candidate.release),
        others=[other.name for other in await ledger.apps.list() if other.id != app.id],
    )


async def _sides(ledger: Ledger, app: App, active: Release, target: Release) -> tuple[Side, Side]:
    """The settings of the active side are those of now, whatever they were when it became active."""
    before = await comparison.side(ledger, app, active)
    return replace(before, settings=app.settings), await comparison.side(ledger, app, target)


async def _past(ledger: Ledger, app: App) -> list[Past]:
    """Return the newest promotions that completed, each with the services that were started in it."""
    stands = (await ledger.promotions.stands(app))[:LOOKED_AT]
    return [(stand, await _started(ledger, app, stand)) for stand in stands]


async def _started(ledger: Ledger, app: App, stand: Stand) -> frozenset[str]:
    steps = await ledger.promotions.steps(app, promotion_id=stand.promotion_id)
    begun = (step.text.removeprefix(STARTING) for step in steps if step.text.startswith(STARTING))
    return frozenset(text.partition(":")[0] for text in begun)


def _of_kind(past: Sequence[Past], desired: Desired | None, *, is_warm: bool) -> list[Stand]:
    """Return those that found everything there, or those that did not.

    What was frozen is started again too, in words and not in time; it does not count where other services tell.
    """
    manners = {target.formation.key.service: target.manner for target in desired.services} if desired else {}
    thawed = {name for name, manner in manners.items() if manner is Manner.FROZEN}
    silent = thawed if Manner.RUNNING in manners.values() else frozenset[str]()
    return [stand for stand, started in past if (not started - silent) is is_warm]


# --- the checks ---


def _admitted(basis: _Basis) -> Finding:
    """Say whether it may be promoted, and what it would supersede."""
    wanted = basis.candidate.release
    try:
        admit(wanted, Standing(basis.latest), PromotionOptions())
    except SternwayError as exc:
        return _problem("release", exc)
    if basis.latest and basis.latest.status.is_open:
        return Finding("release", ok=True, detail=f"it supersedes the promotion of {basis.latest.release_id} that runs")
    return Finding("release", ok=True, detail=wanted.description)


def _readable(rack: Rack, basis: _Basis) -> tuple[Desired | None, Sequence[Finding]]:
    manifest = Finding("manifest", ok=True, detail="it can be read")
    try:
        desired = basis.candidate.desired(rack, PromotionOptions())
    except EnvironmentMissing as exc:
        return None, [manifest, _problem("environment", exc)]
    except InvalidInput as exc:
        return None, [_problem("manifest", exc)]
    except SternwayError as exc:
        return None, [manifest, _problem("build", exc)]
    return desired, [manifest, Finding("environment", ok=True, detail="every required variable is set")]


async def _artifacts(rack: Rack, app_name: str, desired: Desired | None) -> Finding:
    if desired is None:
        return Finding("artifacts", ok=None, detail="not looked at")
    try:
        needed = await reach.verify(rack, app_name, desired)
    except SternwayError as exc:
        return _problem("artifacts", exc)
    return Finding("artifacts", ok=True, detail=f"{len(needed)} of {len(needed)} there and intact")


async def _hosts(rack: Rack, basis: _Basis, desired: Desired | None) -> Sequence[Finding]:
    """Say whether the router answers, and whether another app has a host that is needed.

    Ports need no check: each process gets one that is free.
    """
    routes, router = await _asked("router", lambda: _taken(rack, basis.others))
    if routes is None or desired is None:
        return [router, Finding("domains", ok=None, detail="not looked at")]
    wanted = {host for target in desired.services for host in target.hosts}
    taken = sorted(f"{host} ({app})" for app, host in routes if host in wanted)
    if taken:
        hint = "take the domain away from that app first"
        return [router, Finding("domains", ok=False, detail=f"taken: {', '.join(taken)}", hint=hint)]
    return [router, Finding("domains", ok=True, detail=f"{len(wanted)} of {len(wanted)} free, or its own")]


async def _taken(rack: Rack, others: Sequence[str]) -> Set[tuple[str, str]]:
    routes = [(app, route) for app in others for route in await rack.router.observe(app)]
    return {(app, host) for app, route in routes for host in route.hosts} if others else await _answers(rack)


async def _answers(rack: Rack) -> Set[tuple[str, str]]:
    await rack.router.processes()
    return frozenset()


def _settings(basis: _Basis, back: Back) -> Iterator[Finding]:
    if not back.with_settings:
        return
    if basis.sides is None or basis.sides[1].settings is None:
        yield Finding("settings", ok=False, detail="it was never active", hint="leave out --settings")
    else:
        yield Finding("settings", ok=True, detail="they come back as they were when it was last active")


async def _asked(name: str, ask: Callable[[], Awaitable[T]]) -> tuple[T | None, Finding]:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await ask(), Finding(name, ok=True, detail="it answers")
    except TimeoutError:
        return None, Finding(name, ok=False, detail=f"no answer within {PATIENCE_S:.0f} s")
    except SternwayError as exc:
        return None, _problem(name, exc)


def _problem(name: str, exc: SternwayError) -> Finding:
    return Finding(name, ok=False, detail=exc.message, hint=exc.hint)


# --- what is there already, and what stays away ---


def _outlooks(desired: Desired, formations: Sequence[FormationState] | None) -> Sequence[ServiceOutlook]:
    there = None if formations is None else {state.key: state for state in formations}
    if there is None:
        return [ServiceOutlook(target.formation.key.service, target.count, None) for target in desired.services]
    return [_outlook(target, there.get(target.formation.key)) for target in desired.services]


def _outlook(target: ServiceTarget, state: FormationState | None) -> ServiceOutlook:
    ready = [p for p in state.processes if p.health in (Health.HEALTHY, Health.FROZEN)] if state else []
    return ServiceOutlook(target.formation.key.service, target.count, len(ready))


def _is_there(services: Sequence[ServiceOutlook]) -> bool | None:
    if not services or any(service.there is None for service in services):
        return None
    return all((service.there or 0) >= service.count for service in services)


def _stays(basis: _Basis) -> Iterator[str]:
    """Say what a rollback leaves as it is: data of volumes and resources, and settings, whatever the release."""
    seen: set[str] = set()
    releases = [release for release in (basis.active, basis.candidate.release) if release]
    for line in (line for release in releases for line in _data_of(release)):
        if line not in seen:
            seen.add(line)
            yield line
    yield OUTSIDE


def _data_of(release: Release) -> Iterator[str]:
    try:
        manifest = parse(release.manifest).manifest if release.manifest.strip() else Manifest()
    except InvalidInput:
        return
    for name, service in manifest.services.items():
        for volume in service.volumes:
            where = f", {volume.source} of the machine" if volume.source else ""
            yield f"volume {volume.target} of {name}{where}"
    for name, resource in manifest.resources.items():
        yield f"resource {name} ({resource.type})"

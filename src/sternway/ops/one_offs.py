"""Use case of processes that run once: a service's content with another command, beside what runs."""

from dataclasses import dataclass, field, replace

from sternway.core.app import App, Made
from sternway.core.environment import Environment
from sternway.core.errors import NotFound, Refused
from sternway.core.event import Happening
from sternway.core.formation import Formation, Health, HealthCheck, fingerprint_content
from sternway.core.plan import Desired
from sternway.core.promotion import PromotionOptions
from sternway.core.release import Release
from sternway.core.target import desire
from sternway.ops import apps
from sternway.ops.processes import ProcessView
from sternway.ops.rack import Rack
from sternway.ports import Ledger


@dataclass(frozen=True, slots=True)
class OneOffRequest:
    """What to run once. What is None stays as the release has it; `environment` comes on top of its own.

    `command` is words as a shell would split them. Without a release it is the active one.
    """

    service: str
    command: str | None = None
    release_id: str | None = None
    environment: Environment = field(default_factory=Environment)
    cpu_millis: int | None = None
    memory_mib: int | None = None


async def launch(rack: Rack, app_name: str, request: OneOffRequest, made: Made) -> ProcessView:
    """Start a process of a service once; the history says who did, and of what, but not the command.

    Raises NotFound for a service or release that is not there, Refused before the first promotion, and what
    stops a promotion too: EnvironmentMissing, ArtifactGone. Called twice it starts two.
    """
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
        release = await _release(ledger, app, request.release_id)
        build = await ledger.builds.get(app, release.build_id or "")
    desired = desire(app, release, build, rack.place(), PromotionOptions())
    formation = _once(_formation(desired, request.service), request, rack)
    await rack.builder.verify(app_name, formation.artifact)
    epoch = await _record(rack, app, formation, made)
    one_off = await rack.processes.launch(formation, epoch=epoch)
    return ProcessView(app.name, one_off.service, one_off.state, one_off.release_id, is_one_off=True)


async def stop_all(rack: Rack, app_name: str, *, epoch: int) -> bool:
    """Begin to stop every one-off of an app that is going to be gone; tell whether one still runs."""
    running = [each for each in await rack.processes.one_offs(app_name) if each.exit_code is None]
    for one_off in running:
        if one_off.state.health is not Health.STOPPING:
            await rack.processes.stop(app_name, one_off.state.id, epoch=epoch)
    return bool(running)


async def _release(ledger: Ledger, app: App, release_id: str | None) -> Release:
    found = await ledger.releases.get(app, release_id) if release_id else await ledger.promotions.active(app)
    if found is None:
        raise Refused(f"no release of {app.name} is active", hint="deploy first, or name a release: --release")
    if found.build_id is None:
        raise Refused(f"{found.id} has no build", hint="name another release: sternway releases")
    return found


def _formation(desired: Desired, service: str) -> Formation:
    for target in desired.services:
        if target.formation.key.service == service:
            return target.formation
    known = ", ".join(target.formation.key.service for target in desired.services)
    raise NotFound(f"service not found: {service}", hint=f"services of {desired.app}: {known or 'none'}")


def _once(formation: Formation, request: OneOffRequest, rack: Rack) -> Formation:
    """Return what the request makes of it: nobody sends it requests, and nobody asks how it is."""
    limits = replace(
        formation.limits,
        cpu_millis=request.cpu_millis or formation.limits.cpu_millis,
        memory_mib=request.memory_mib or formation.limits.memory_mib,
    )
    once = replace(
        formation,
        command=request.command or formation.command,
        environment=Environment({**formation.environment, **request.environment}),
        port=None,
        health=HealthCheck(settle_s=0.0),
        limits=limits,
    )
    fingerprint = rack.secrets.fingerprint(fingerprint_content(once))
    return replace(once, key=replace(once.key, fingerprint=fingerprint))


async def _record(rack: Rack, app: App, formation: Formation, made: Made) -> int:
    """Put it on record before it begins, and return the epoch to do it with."""
    detail = {"service": formation.key.service, "release": formation.release_id, "reason": made.reason}
    async with rack.store.write() as ledger:
        await apps.record(ledger, app, Happening("process:run", made.by, made.at, detail=detail))
        return await ledger.leases.current()

"""What a release wants to run: from build, environment, manifest and settings to formations and hosts."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from sternway.core import environment
from sternway.core.app import App
from sternway.core.environment import Environment
from sternway.core.errors import ArtifactGone
from sternway.core.formation import (
    Containment,
    Formation,
    FormationKey,
    HealthCheck,
    Limits,
    RouteOptions,
    Volume,
    fingerprint_content,
)
from sternway.core.manifest import Manifest, parse
from sternway.core.manifest.container import Capabilities, SecurityContext
from sternway.core.manifest.service import Service
from sternway.core.plan import Desired, ServiceTarget
from sternway.core.promotion import PromotionOptions
from sternway.core.release import Build, Release
from sternway.core.standby import Manner

LOOPBACK = ("127.0.0.0/8", "::1/128")
INTERNAL_DOMAIN = "internal.localhost"
"""What the hosts of internal services end in, whatever the domain of the rack: only this machine may ask for them."""

WHOLE = 100
START_ALLOWANCE_S = 60.0
"""How long beyond its grace a process may take to get healthy before its rollout fails."""


@dataclass(frozen=True, slots=True)
class Place:
    """What every release on this rack shares: its name, the domain of its hosts, and its keyed hash."""

    rack: str
    domain: str
    fingerprint: Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class _Source:
    app: App
    release: Release
    build: Build
    place: Place
    options: PromotionOptions


def desire(app: App, release: Release, build: Build, place: Place, options: PromotionOptions) -> Desired:
    """Return what `release` wants to run for `app`.

    Raises ManifestInvalid for a manifest that does not fit the environment, EnvironmentMissing when a
    required variable is not there (all of them named together), and ArtifactGone for a service that the
    build has no artifact of.
    """
    manifest = _manifest(release.manifest, release.environment)
    declared = [d for service in manifest.services.values() for d in service.environment]
    environment.require(release.environment, declared)
    source = _Source(app, release, build, place, options)
    return Desired(app.name, tuple(_targets(manifest, source)))


@functools.lru_cache(maxsize=32)
def _manifest(text: str, variables: Environment) -> Manifest:
    """Return what the text means; of a copy that is gone back to it was found out when that was checked."""
    return parse(text, variables).manifest


def nothing(app_name: str) -> Desired:
    """Return the target of an app that is to run nothing."""
    return Desired(app_name)


def _targets(manifest: Manifest, source: _Source) -> Iterator[ServiceTarget]:
    for name, service in manifest.services.items():
        options = source.options
        maximum = _first(options.maximum_percent, service.deployment.maximum)
        yield ServiceTarget(
            formation=_formation(name, service, source),
            count=source.app.settings.scale.get(name, service.scale.count.minimum),
            minimum_percent=_first(options.minimum_percent, service.deployment.minimum),
            maximum_percent=maximum,
            is_exclusive=is_exclusive(service),
            hosts=_hosts(name, service, source),
            drain_s=service.drain_s,
            route_options=_route_options(service),
            manner=_manner(service, maximum),
        )


def is_exclusive(service: Service) -> bool:
    """Tell whether two releases of this service must never be at work at once.

    So it is for workers, which would take the same jobs; singletons; agents; and owners of a volume.
    """
    return service.port is None or service.singleton or service.agent.is_enabled or bool(service.volumes)


def _manner(service: Service, maximum_percent: int) -> Manner:
    """Say how a service stands by. What may not be there beside its successor does not, and data has one owner."""
    if service.singleton or service.agent.is_enabled or service.volumes:
        return Manner.GONE
    if service.port is None:
        return Manner.FROZEN
    return Manner.RUNNING if maximum_percent > WHOLE else Manner.GONE


def _formation(name: str, service: Service, source: _Source) -> Formation:
    formation = Formation(
        key=FormationKey(source.app.name, name, ""),
        artifact=_artifact(name, source.build),
        command=service.command,
        environment=environment.select(source.release.environment, service.environment),
        labels=_labels(name, source),
        release_id=source.release.id,
        port=service.port.number if service.port else None,
        health=_health(service),
        limits=Limits(service.scale.cpu, service.scale.memory),
        volumes=tuple(Volume(target=v.target, source=v.source) for v in service.volumes),
        grace_s=service.termination_grace_s,
        containment=_containment(service),
    )
    fingerprint = source.place.fingerprint(fingerprint_content(formation))
    return replace(formation, key=replace(formation.key, fingerprint=fingerprint))


def _artifact(name: str, build: Build) -> str:
    artifact = build.artifacts.get(name)
    if artifact is None:
        raise ArtifactGone(f"build {build.id} has nothing for service {name}", hint="deploy again: sternway deploy")
    return artifact


def _labels(name: str, source: _Source) -> Mapping[str, str]:
    """Return the documented system variables; they say where a process comes from, not what it is."""
    return {
        "APP": source.app.name,
        "BUILD": source.build.id,
        "BUILD_DESCRIPTION": source.build.description,
        "RACK": source.place.rack,
        "RELEASE": source.release.id,
        "SERVICE": name,
    }


def _health(service: Service) -> HealthCheck:
    health = service.health
    path = health.path if service.port and not health.is_disabled else None
    return HealthCheck(
        path=path,
        interval_s=health.interval_s,
        timeout_s=health.timeout_s,
        grace_s=health.grace_s,
        failing_after_s=health.grace_s + START_ALLOWANCE_S,
    )


def _containment(service: Service) -> Containment:
    asked = service.security_context or SecurityContext()
    rights = asked.capabilities or Capabilities()
    return Containment(
        user=asked.run_as_user,
        group=asked.run_as_group,
        must_not_be_root=bool(asked.run_as_non_root),
        is_read_only=bool(asked.read_only_root_filesystem),
        may_gain_rights=asked.allow_privilege_escalation,
        capabilities_added=rights.add,
        capabilities_dropped=rights.drop,
        seccomp=asked.seccomp_profile,
        is_privileged=service.privileged,
        has_init=service.init,
    )


def _hosts(name: str, service: Service, source: _Source) -> tuple[str, ...]:
    if service.port is None:
        return ()
    if service.internal:
        return (f"{name}.{source.app.name}.{INTERNAL_DOMAIN}",)
    own = f"{name}.{source.app.name}.{source.place.domain}"
    return tuple(dict.fromkeys((own, *service.domains)))


def _route_options(service: Service) -> RouteOptions:
    clients = LOOPBACK if service.internal else service.whitelist
    return RouteOptions(is_sticky=service.sticky, timeout_s=service.timeout_s, clients=clients)


def _first(override: int | None, value: int) -> int:
    return value if override is None else override

"""What the manifest of a release declares, for pages: services with their hosts, resources, timers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sternway.core.errors import InvalidInput
from sternway.core.manifest import Manifest, not_yet_effective, parse
from sternway.core.manifest.timers import Timer
from sternway.core.release import Release


@dataclass(frozen=True, slots=True)
class DeclaredService:
    """A service: how many processes the manifest gives it, and the hosts that it names for it."""

    name: str
    count: int
    domains: Sequence[str]


@dataclass(frozen=True, slots=True)
class DeclaredResource:
    """A resource; `users` are the services that find it, each with the variable in which."""

    name: str
    type: str
    options: Mapping[str, str]
    users: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Declared:
    """What is declared. `without_effect` are the keys of the manifest that do nothing yet."""

    services: Sequence[DeclaredService] = ()
    resources: Sequence[DeclaredResource] = ()
    timers: Mapping[str, Timer] | None = None
    without_effect: Collection[str] = ()


def of(release: Release | None) -> Declared:
    """Return what a release declares; nothing for none, and for a manifest that cannot be read any more."""
    if release is None or not release.manifest.strip():
        return Declared()
    try:
        manifest = parse(release.manifest, release.environment).manifest
    except InvalidInput:
        return Declared()
    return Declared(
        [DeclaredService(name, each.scale.count.minimum, each.domains) for name, each in manifest.services.items()],
        _resources(manifest),
        manifest.timers,
        not_yet_effective(manifest),
    )


def _resources(manifest: Manifest) -> Sequence[DeclaredResource]:
    links = [(name, link) for name, service in manifest.services.items() for link in service.resources]
    return [
        DeclaredResource(
            name, each.type, each.options, [(user, link.variable) for user, link in links if link.name == name]
        )
        for name, each in manifest.resources.items()
    ]

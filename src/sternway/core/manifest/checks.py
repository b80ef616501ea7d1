"""What must hold between the keys of a manifest, beyond what each allows by itself."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sternway.core import names
from sternway.core.manifest.manifest import Manifest
from sternway.core.manifest.network import MAX_PORT
from sternway.core.manifest.nodes import REFERENCE
from sternway.core.manifest.problems import Path
from sternway.core.manifest.scale import Range
from sternway.core.manifest.service import Service
from sternway.core.manifest.tree import Table, Tree

RESERVED_LABELS = frozenset({"system", "rack", "app", "name", "service", "release", "type"})

_NAMED = ("services", "resources", "timers", "balancers")
_REFERRING = ("timers", "balancers")
_NAME_DEMAND = "must be a name of lower-case letters, digits and dashes, a letter first"

Findings = Iterator[tuple[Path, str]]


@dataclass(frozen=True, slots=True)
class Names:
    """What the file declares, the parts with errors included, so that these are not called missing."""

    services: Collection[str]
    resources: Collection[str]
    is_template: bool

    def lacks(self, declared: Collection[str], name: str) -> bool:
        """Tell whether `name` is missing; a reference that is not filled in may be anything."""
        return name not in declared and not self.is_open(name)

    def is_open(self, text: str) -> bool:
        """Tell whether the text stands for a value that is not known yet."""
        return self.is_template and REFERENCE.search(text) is not None


def names_of(tree: Tree, *, is_template: bool) -> Names:
    """Read what the file declares."""
    return Names(_keys(tree, "services"), _keys(tree, "resources"), is_template)


def _keys(tree: Tree, section: str) -> Collection[str]:
    found = tree.root.get(section)
    return frozenset(found) if isinstance(found, Table) else frozenset()


def of_names(tree: Tree, declared: Names) -> Findings:
    """Check what names something, in the tree, so that other errors of the same entry cannot hide it."""
    yield from _keys_that_name(tree, declared)
    for section in _REFERRING:
        for key, entry in _entries(tree, section):
            service = entry.get("service")
            if isinstance(service, str) and declared.lacks(declared.services, service):
                yield (section, key, "service"), "names no service of this file"


def _entries(tree: Tree, section: str) -> Iterator[tuple[str, Table]]:
    found = tree.root.get(section)
    for key, entry in found.items() if isinstance(found, Table) else ():
        if isinstance(entry, Table):
            yield key, entry


def _keys_that_name(tree: Tree, declared: Names) -> Findings:
    for section in _NAMED:
        for key in _keys(tree, section):
            if not names.is_name(key) and not declared.is_open(key):
                yield (section, key), _NAME_DEMAND


def errors(manifest: Manifest, declared: Names) -> Findings:
    """Check what rules a deploy out."""
    yield from _labels(("labels",), manifest.labels)
    for name, service in manifest.services.items():
        for path, message in _service(service, manifest, declared):
            yield ("services", name, *path), message
    yield from _balancers(manifest, declared)
    yield from _domains(manifest, declared)


def warnings(manifest: Manifest) -> Findings:
    """Check what is allowed and hardly meant."""
    for name, service in manifest.services.items():
        if service.internal and service.domains:
            yield ("services", name, "domain"), "has no effect, since the service is internal"
        if service.image is not None and service.build is not None:
            yield ("services", name, "build"), "has no effect, since there is an image"


def _service(service: Service, manifest: Manifest, declared: Names) -> Findings:
    yield from _labels(("labels",), service.labels)
    if service.internal and service.internal_router:
        yield ("internalRouter",), "cannot be combined with internal"
    yield from _scale(service)
    yield from _rollout(service)
    yield from _links(service, declared)
    configs = {config.id for config in manifest.configs}
    for index, mount in enumerate(service.config_mounts):
        if declared.lacks(configs, mount.id):
            yield ("configMounts", index, "id"), "names no entry of configs"


def _scale(service: Service) -> Findings:
    scale = service.scale
    has_bounds = scale.minimum is not None or scale.maximum is not None
    if has_bounds and "count" in scale.model_fields_set:
        yield ("scale", "count"), "cannot be combined with min and max"
    if _is_upside_down(scale.range):
        yield ("scale", "max" if has_bounds else "count"), "has a minimum above its maximum"
    for name in ("cpu", "memory"):
        request, limit = getattr(scale, name), getattr(scale.limit, name)
        if request is not None and limit is not None and limit < request:
            yield ("scale", "limit", name), f"must not be below scale.{name}"


def _is_upside_down(count: Range) -> bool:
    return count.maximum is not None and count.minimum > count.maximum


def _rollout(service: Service) -> Findings:
    is_exclusive = service.singleton or service.agent.is_enabled
    if not is_exclusive and service.deployment.minimum == service.deployment.maximum:
        yield ("deployment",), "leaves no room to replace a process: lower minimum or raise maximum"


def _links(service: Service, declared: Names) -> Findings:
    for index, link in enumerate(service.resources):
        if declared.lacks(declared.resources, link.name):
            yield ("resources", index), "names no resource of this file"
    for index, volume in enumerate(service.volumes):
        source = volume.source
        if source is not None and names.is_name(source) and declared.lacks(declared.resources, source):
            yield ("volumes", index), "names no resource of this file; a path of the machine begins with /"


def _labels(path: Path, labels: Collection[str]) -> Findings:
    for key in labels:
        if key in RESERVED_LABELS:
            yield (*path, key), "is a label that the platform sets itself"


def _balancers(manifest: Manifest, declared: Names) -> Findings:
    for name, balancer in manifest.balancers.items():
        for listen in balancer.ports:
            if not _is_port(listen) and not declared.is_open(listen):
                yield ("balancers", name, "ports", listen), f"must be a number between 1 and {MAX_PORT}"


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PORT)) and 1 <= int(text) <= MAX_PORT


def _domains(manifest: Manifest, declared: Names) -> Findings:
    owners: dict[str, str] = {}
    for name, service in manifest.services.items():
        for domain in service.domains:
            owner = owners.setdefault(domain, name)
            if owner != name and not declared.is_open(domain):
                yield ("services", name, "domain"), "has a host that another service has already"

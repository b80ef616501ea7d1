"""The whole of `convox.yml`, and what its parts take over from each other."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from sternway.core.environment import Declaration
from sternway.core.manifest.container import Build
from sternway.core.manifest.declarations import Declarations
from sternway.core.manifest.model import Model
from sternway.core.manifest.network import Balancer
from sternway.core.manifest.resources import Config, Resource
from sternway.core.manifest.scalars import CONTAINED, LATER, Opaque, TextMap
from sternway.core.manifest.scale import Deployment, Range
from sternway.core.manifest.service import Service
from sternway.core.manifest.timers import Timer

_EXCLUSIVE = Deployment(minimum=0, maximum=100)


class Manifest(Model):
    """`convox.yml`: maps are in the order of the file."""

    foreign: ClassVar[frozenset[str]] = frozenset({"appSettings"})

    environment: Declarations = ()
    """Variables of every service: `NAME` is required, `NAME=default` is not, `*` is everything."""
    params: TextMap = Field({}, json_schema_extra=LATER)
    """Parameters of the app."""
    services: Mapping[str, Service] = {}
    """What runs, by name."""
    resources: Mapping[str, Resource] = Field({}, json_schema_extra=LATER)
    """Databases and the like, by name."""
    timers: Mapping[str, Timer] = Field({}, json_schema_extra=LATER)
    """Commands that run at times, by name."""
    balancers: Mapping[str, Balancer] = Field({}, json_schema_extra=LATER)
    """Balancers of TCP or UDP, by name."""
    labels: TextMap = Field({}, json_schema_extra=LATER)
    """Labels of every process."""
    configs: tuple[Config, ...] = Field((), json_schema_extra=LATER)
    """Contents of files that services mount."""
    budget: Opaque | None = Field(None, json_schema_extra=LATER)
    """What the app may cost, and what happens then."""


def completed(manifest: Manifest) -> Manifest:
    """Return the manifest with names, what services inherit and the defaults that depend on other keys."""
    manifest = manifest.model_copy(update={"environment": _inherited((), manifest.environment)})
    services = {name: _completed(name, service, manifest) for name, service in manifest.services.items()}
    return manifest.model_copy(update={"services": services})


def _completed(name: str, service: Service, manifest: Manifest) -> Service:
    changes: dict[str, Any] = {
        "name": name,
        "environment": _inherited(manifest.environment, service.environment),
        "scale": service.scale.model_copy(update={"count": service.scale.range}),
        "deployment": _deployment(service),
    }
    if manifest.labels:
        changes["labels"] = {**manifest.labels, **service.labels} if service.labels else manifest.labels
    if service.build is None and service.image is None:
        changes["build"] = Build()
    return service.model_copy(update=changes)


def _inherited(common: tuple[Declaration, ...], own: tuple[Declaration, ...]) -> tuple[Declaration, ...]:
    """Put both together; of the same name the service's own wins, and of its own the last."""
    if not own:
        return common  # shared: a file may have thousands of each
    return tuple({declaration.name: declaration for declaration in (*common, *own)}.values())


def _deployment(service: Service) -> Deployment:
    """Singletons and agents are never there twice, unless the file says so."""
    given = service.deployment
    if not (service.singleton or service.agent.is_enabled):
        return given
    return _EXCLUSIVE.model_copy(update={name: getattr(given, name) for name in given.model_fields_set})


def not_yet_effective(manifest: Manifest) -> tuple[str, ...]:
    """Return the keys that a release keeps and whose effect comes in a later version of Sternway.

    A deploy can say so in one line. A key that has the value of its default is left out.
    """
    return tuple(dict.fromkeys(_marked(manifest, "", LATER)))


def effective_in_containers(manifest: Manifest) -> tuple[str, ...]:
    """Return the keys that have an effect only where processes run in containers, as above."""
    return tuple(dict.fromkeys(_marked(manifest, "", CONTAINED)))


def _marked(model: Model, place: str, mark: Mapping[str, Any]) -> Iterator[str]:
    for name in type(model).model_fields:
        yield from _marked_field(model, name, place, mark)


def _marked_field(model: Model, name: str, place: str, mark: Mapping[str, Any]) -> Iterator[str]:
    field = type(model).model_fields[name]
    value = getattr(model, name)
    here = f"{place}{field.alias or name}"
    if name not in model.model_fields_set or value == field.default:
        return
    is_autoscaled = mark is LATER and isinstance(value, Range) and not value.is_fixed
    if field.json_schema_extra == mark or is_autoscaled:
        yield here
    elif isinstance(value, Model):
        yield from _marked(value, f"{here}.", mark)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _marked(item, f"{here}.{key}.", mark)

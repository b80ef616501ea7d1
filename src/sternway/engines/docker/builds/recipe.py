"""What the images of an app are made from: a directory and its Dockerfile, or an image that is there already."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sternway.core.manifest import Manifest
from sternway.core.manifest.container import Build
from sternway.core.manifest.service import Service
from sternway.core.release import BuildOptions

_REFERENCE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]+)?(/[A-Za-z0-9][A-Za-z0-9._-]*)*(:[\w.-]+)?(@[a-z0-9]+:[0-9a-f]+)?"
)


@dataclass(frozen=True, slots=True)
class Built:
    """A directory of the source, its Dockerfile in there, and the arguments, by name; None is one that has no value."""

    path: str
    dockerfile: str
    arguments: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """An image by its name or digest."""

    reference: str


Recipe = Built | Taken


def recipes(manifest: Manifest, options: BuildOptions) -> Mapping[Recipe, tuple[str, ...]]:
    """Return the distinct recipes of a manifest, each with its services, in their order there."""
    found: dict[Recipe, tuple[str, ...]] = {}
    for name, service in manifest.services.items():
        recipe = _recipe(service, options)
        found[recipe] = (*found.get(recipe, ()), name)
    return found


def is_reference(text: str) -> bool:
    """Tell whether an image can have this name: it becomes part of what the engine is asked."""
    return len(text) < 512 and _REFERENCE.fullmatch(text) is not None


def _recipe(service: Service, options: BuildOptions) -> Recipe:
    if service.image is not None:
        return Taken(service.image)
    build = service.build or Build()
    given = dict(_argument(each) for each in (*build.args, *options.arguments))
    return Built(posixpath.normpath(build.path), posixpath.normpath(build.manifest), tuple(sorted(given.items())))


def _argument(text: str) -> tuple[str, str | None]:
    name, separator, value = text.partition("=")
    return name, value if separator else None

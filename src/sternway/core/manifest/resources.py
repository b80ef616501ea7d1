"""Databases and the like, the files of configs, and what of them a service uses."""

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from sternway.core import names
from sternway.core.manifest.model import Model
from sternway.core.manifest.scalars import Form, Text, TextMap, refuse

_SOURCE = re.compile(r"[A-Za-z0-9_./~-][^:\0]*")


class Resource(Model):
    """A database, cache or other service that the rack keeps for the app."""

    foreign: ClassVar[frozenset[str]] = frozenset({"tags"})

    type: Text
    """Its kind, such as `postgres` or `redis`."""
    options: TextMap = Field({})
    """Its settings, such as `version` and `storage`, as text."""
    image: Text | None = None
    """Another image than its kind's own."""


class Config(Model):
    """The content of a file that services mount by `configMounts`."""

    id: Text
    """What mounts name."""
    name: Text | None = None
    """The name of the file."""
    value: Text = Field("", repr=False)
    """What is in it."""


@dataclass(frozen=True, slots=True)
class ResourceLink:
    """A resource that a service uses, and the variable in which it finds its address."""

    name: str
    variable: str


def read_link(text: str) -> ResourceLink:
    """Read `main` (the variable is MAIN_URL) or `main:VARIABLE`."""
    name, separator, variable = text.partition(":")
    if not names.is_name(name) or (separator and not names.is_environment_key(variable)):
        refuse("must be the name of a resource, or that with a variable, such as main:DATABASE_URL")
    return ResourceLink(name, variable or f"{name.upper().replace('-', '_')}_URL")


@dataclass(frozen=True, slots=True)
class VolumeEntry:
    """A directory that outlives processes. `source` is None, a path of the machine or a resource."""

    source: str | None
    target: str


def read_volume(text: str) -> VolumeEntry:
    """Read `/path`, `/of-the-machine:/path` or `resource:/path`."""
    source, separator, target = text.rpartition(":")
    if not target.startswith("/") or "\0" in text or (separator and not _SOURCE.fullmatch(source)):
        refuse("must be /path, /of-the-machine:/path or resource:/path")
    return VolumeEntry(source or None, target)


Links = tuple[Annotated[ResourceLink, Form(read_link)], ...]
Volumes = tuple[Annotated[VolumeEntry, Form(read_volume)], ...]

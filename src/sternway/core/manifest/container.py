"""What a process is made of and started with: its build, its secrets of a registry, its container."""

from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.json_schema import JsonSchemaValue

from sternway.core.manifest.model import Model
from sternway.core.manifest.scalars import Form, Opaque, Text, Truth, Whole, matching, one_of

_INSIDE = r"(?!/)(?!(.*/)?\.\.(/|$))[^\0]+"
PathInside = Annotated[str, Form(matching(_INSIDE, "must be a path inside the source, without .. in it"))]
AbsolutePath = Annotated[str, Form(matching(r"/[^\0]*", "must be a path that begins with /"))]


class Build(Model):
    """How a service is built."""

    short_schema: ClassVar[JsonSchemaValue | None] = {"type": "string"}

    path: PathInside = "."
    """The directory, within the source."""
    manifest: PathInside = "Dockerfile"
    """The Dockerfile, within that directory."""
    args: tuple[Text, ...] = ()
    """Arguments of the build, `NAME=value` each."""

    @classmethod
    def from_short(cls, value: str) -> dict[str, Any]:
        """Read the directory alone."""
        return {"path": value}


class Capabilities(Model):
    """Rights of the kernel."""

    add: tuple[Text, ...] = ()
    """Given in addition."""
    drop: tuple[Text, ...] = ()
    """Taken away."""


class SecurityContext(Model):
    """What a process is allowed."""

    run_as_non_root: Truth | None = None
    """Refuse to run as root."""
    run_as_user: Annotated[int, Whole(0)] | None = None
    """The number of its user."""
    run_as_group: Annotated[int, Whole(0)] | None = None
    """The number of its group."""
    read_only_root_filesystem: Truth | None = None
    """Write to volumes only."""
    allow_privilege_escalation: Truth | None = None
    """Whether it can get more rights than its parent."""
    capabilities: Capabilities | None = None
    """Rights of the kernel."""
    seccomp_profile: Annotated[str, one_of("RuntimeDefault", "Unconfined")] | None = None
    """Which system calls it may make."""


class Lifecycle(Model):
    """Commands that run in a process at its ends."""

    pre_stop: Text | None = None
    """Before it is asked to stop."""
    post_start: Text | None = None
    """Once it has started."""


class ConfigMount(Model):
    """An entry of `configs` as a file."""

    id: Text
    """The id of the entry."""
    dir: AbsolutePath
    """The directory that it appears in."""
    filename: Text | None = None
    """Its name there."""


class InitContainer(Model):
    """A container that has to end well before a process starts."""

    image: Text | None = None
    """Its image; the service's own if there is none."""
    command: Text | None = None
    """Its command."""
    volume_options: tuple[Opaque, ...] = ()
    """Its volumes."""
    config_mounts: tuple[ConfigMount, ...] = ()
    """Its files."""


class ImagePullSecret(Model):
    """How to log in to a registry. Name a variable rather than write a password."""

    registry: Text
    """Its host."""
    username: Text
    """Who."""
    password_env: Text | None = None
    """The variable that holds the password."""
    password: Text | None = Field(None, repr=False)
    """The password itself."""

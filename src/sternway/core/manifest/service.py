"""A service: what runs, how it is reached, how many there are."""

import shlex
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from sternway.core.manifest.container import (
    Build,
    ConfigMount,
    ImagePullSecret,
    InitContainer,
    Lifecycle,
    SecurityContext,
)
from sternway.core.manifest.declarations import Declarations
from sternway.core.manifest.health import Health, Liveness, Seconds, SomeSeconds, StartupProbe
from sternway.core.manifest.model import Model
from sternway.core.manifest.network import Agent, Certificate, ExposedPorts, Hosts, Networks, Port, Tls
from sternway.core.manifest.resources import Links, Volumes
from sternway.core.manifest.scalars import CONTAINED, LATER, Form, Opaque, Text, TextMap, Truth, as_text
from sternway.core.manifest.scale import Deployment, Scale


def _joined(value: object) -> object:
    """Quote a list of words as a shell would need them."""
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return shlex.join(value)
    return value


_COMMAND_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}

Command = Annotated[str, Form(as_text, _COMMAND_SCHEMA), BeforeValidator(_joined)]


class Termination(Model):
    """How a process is stopped."""

    grace_s: Seconds = Field(30, alias="grace")
    """Seconds from the signal to end until it is killed."""


class Service(Model):
    """Processes of one kind."""

    foreign: ClassVar[frozenset[str]] = frozenset(
        {
            "accessControl",
            "annotations",
            "disableHostUsers",
            "dnsConfig",
            "ingressAnnotations",
            "nlb",
            "nodeAffinityLabels",
            "nodeSelectorLabels",
            "policies",
            "tags",
        }
    )
    given: ClassVar[frozenset[str]] = frozenset({"name"})

    name: SkipJsonSchema[str] = ""
    """The key that it stands at."""

    build: Build | None = None
    """How it is built: a directory, or a map. The default, without an `image` either, is `.`."""
    image: Text | None = None
    """An image that is used as it is, instead of a build."""
    command: Command | None = None
    """What is started, instead of what the image says; a list is quoted word by word."""
    environment: Declarations = ()
    """The variables that reach it: `NAME` is required, `NAME=default` is not, `*` is everything."""
    test: Text | None = None
    """The command that tests it."""

    port: Port | None = None
    """Where it takes requests: `3000`, `https:3000` or a map. Without a port it is a worker."""
    ports: ExposedPorts = Field((), json_schema_extra=LATER)
    """Further ports for other services: `53` or `53/udp`."""
    domains: Hosts = Field((), alias="domain")
    """The hosts that it answers for: text with commas, or a list."""
    internal: Truth = False
    """Reached from the machine of the rack only, at `SERVICE.APP.internal.localhost`."""
    internal_and_external: Truth = Field(False, json_schema_extra=LATER)
    """Reached from inside and outside, at two names."""
    internal_router: Truth = Field(False, json_schema_extra=LATER)
    """Reached by the rack's internal router."""
    sticky: Truth = False
    """Send a client back to the process that it had."""
    timeout_s: SomeSeconds = Field(60, alias="timeout")
    """Seconds that an answer may take to begin."""
    whitelist: Networks = ()
    """The networks that may connect: text with commas, or a list. All, if there are none."""
    tls: Tls = Field(Tls(), json_schema_extra=LATER)
    """TLS at the router."""
    certificate: Certificate | None = Field(None, json_schema_extra=LATER)
    """Which certificate it uses."""
    grpc_health_enabled: Truth = Field(False, json_schema_extra=LATER)
    """Check health by gRPC's own protocol."""
    links: tuple[Text, ...] = Field((), json_schema_extra=LATER)
    """Services whose addresses it finds in NAME_URL."""

    health: Health = Health()
    """The check before it takes requests: a path, or a map."""
    liveness: Liveness | None = Field(None, json_schema_extra=LATER)
    """The check whose failure restarts it."""
    startup_probe: StartupProbe | None = Field(None, json_schema_extra=LATER)
    """The check that holds back the others while it starts."""

    scale: Scale = Scale()
    """How many and how large: a count, a range or a map."""
    deployment: Deployment = Deployment()
    """Bounds during a rollout."""
    singleton: Truth = False
    """Never two at once, not even during a rollout."""
    agent: Agent = Agent(is_enabled=False)
    """One on each machine."""
    drain_s: Seconds = Field(30, alias="drain")
    """Seconds that requests get to end before a process is stopped."""
    termination: Termination = Termination()
    """How a process is stopped."""

    resources: Links = Field((), json_schema_extra=LATER)
    """The resources that it uses: `main`, or `main:VARIABLE`."""
    volumes: Volumes = ()
    """Directories that outlive processes: `/path`, `/of-the-machine:/path` or `resource:/path`."""
    volume_options: tuple[Opaque, ...] = Field((), json_schema_extra=LATER)
    """Volumes with settings: `emptyDir`, `awsEfs` or `azureFiles`."""
    config_mounts: tuple[ConfigMount, ...] = Field((), json_schema_extra=LATER)
    """Entries of `configs` as files."""

    privileged: Truth = Field(False, json_schema_extra=CONTAINED)
    """Run with all rights on the machine."""
    init: Truth = Field(True, json_schema_extra=CONTAINED)
    """Run below a small init that reaps processes."""
    init_container: InitContainer | None = Field(None, json_schema_extra=LATER)
    """What has to end well before a process starts."""
    image_pull_secrets: tuple[ImagePullSecret, ...] = Field((), json_schema_extra=LATER)
    """How to log in to registries."""
    lifecycle: Lifecycle | None = Field(None, json_schema_extra=LATER)
    """Commands at the ends of a process."""
    security_context: SecurityContext | None = Field(None, json_schema_extra=CONTAINED)
    """What a process is allowed."""
    labels: TextMap = Field({}, json_schema_extra=LATER)
    """Labels of its processes."""

    release: Command | None = None
    """A command that runs once before anything of a new release starts, such as a migration."""
    rollback: Command | None = None
    """The command that undoes it: run when a rollback goes back over the release, if that was asked for."""

    @property
    def termination_grace_s(self) -> int:
        """Seconds from the signal to end until a process is killed."""
        return self.termination.grace_s

    @property
    def tls_redirect(self) -> bool:
        """Tell whether plain HTTP is answered with a redirect."""
        return self.tls.redirect

"""How a service is reached: ports, hosts, certificates, networks and balancers."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.json_schema import JsonSchemaValue

from sternway.core.manifest.model import Model
from sternway.core.manifest.scalars import LATER, Commas, DropEmpty, Form, Text, Truth, Whole, one_of, refuse
from sternway.core.manifest.tree import Unresolved

MAX_PORT = 65535
PORT_TEXT: JsonSchemaValue = {"type": ["integer", "string"]}

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(\*\.)?({_LABEL}\.)*{_LABEL}")
_MAX_HOST = 253

PortNumber = Annotated[int, Whole(1, MAX_PORT)]


def port_number(text: str) -> int:
    """Read the number of a port, or refuse."""
    return Whole(1, MAX_PORT).read(text)


class Port(Model):
    """The port that a service listens on."""

    short_schema: ClassVar[JsonSchemaValue | None] = PORT_TEXT

    number: PortNumber = Field(alias="port")
    """The number; the process finds it in `PORT`."""
    scheme: Annotated[str, one_of("http", "https", "grpc", "tcp")] = Field("http", json_schema_extra=LATER)
    """How the router talks to the process."""

    @classmethod
    def from_short(cls, value: str) -> dict[str, Any]:
        """Read `3000` or `https:3000`."""
        scheme, separator, number = value.rpartition(":")
        named = {"scheme": scheme} if separator else {}
        return {"number": number, **named}


@dataclass(frozen=True, slots=True)
class ExposedPort:
    """A further port, reached from inside the rack."""

    number: int
    protocol: str = "tcp"


def read_exposed_port(text: str) -> ExposedPort:
    """Read `53` or `53/udp`."""
    number, separator, protocol = text.partition("/")
    if separator and protocol.lower() not in ("tcp", "udp"):
        refuse("must be a port, or a port with /tcp or /udp")
    return ExposedPort(port_number(number), protocol.lower() or "tcp")


def read_host(text: str) -> str:
    """Read the name of a host, `*.` in front for all below it."""
    if not text or isinstance(text, Unresolved):
        return text
    if len(text) > _MAX_HOST or not _HOST.fullmatch(text):
        refuse("must be a host name such as www.example.org or *.example.org")
    return text.lower()


def read_network(text: str) -> str:
    """Read an address, or a network in CIDR form."""
    if not text or isinstance(text, Unresolved):
        return text
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        refuse("must be a network such as 10.0.0.0/8")


ExposedPorts = tuple[Annotated[ExposedPort, Form(read_exposed_port, PORT_TEXT)], ...]
Hosts = Annotated[tuple[Annotated[str, Form(read_host)], ...], DropEmpty, Commas]
Networks = Annotated[tuple[Annotated[str, Form(read_network)], ...], DropEmpty, Commas]


class Tls(Model):
    """TLS at the router."""

    redirect: Truth = True
    """Answer plain HTTP with a redirect to HTTPS."""


class Certificate(Model):
    """Which certificate a service uses."""

    id: Text | None = None
    """An imported certificate."""
    duration: Text | None = None
    """How long a generated one is valid, such as `2160h`."""


class BalancerPort(Model):
    """Where a port of a balancer leads."""

    short_schema: ClassVar[JsonSchemaValue | None] = PORT_TEXT

    port: PortNumber
    """The port of the service."""
    protocol: Annotated[str, one_of("TCP", "UDP")] = "TCP"
    """What is carried."""

    @classmethod
    def from_short(cls, value: str) -> dict[str, Any]:
        """Read `3000`."""
        return {"port": value}


class Balancer(Model):
    """A balancer of TCP or UDP of its own."""

    foreign: ClassVar[frozenset[str]] = frozenset({"annotations"})

    service: Text
    """The service that it leads to."""
    ports: dict[str, BalancerPort] = Field({})
    """From the port that listens to the port of the service."""
    whitelist: Networks = ()
    """The networks that may connect; all, if there are none."""


class Agent(Model):
    """One process on each machine."""

    short_schema: ClassVar[JsonSchemaValue | None] = {"type": "boolean"}

    is_enabled: Truth = Field(True, alias="enabled")
    """Whether it is one."""
    ports: ExposedPorts = Field((), json_schema_extra=LATER)
    """Ports of the machine that lead to it."""

    @classmethod
    def from_short(cls, value: str) -> dict[str, Any]:
        """Read `true`."""
        return {"is_enabled": value}

"""How a process shows that it is well."""

from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.json_schema import JsonSchemaValue

from sternway.core.manifest.model import Model
from sternway.core.manifest.network import PortNumber
from sternway.core.manifest.scalars import LATER, Form, Truth, Whole, matching

Seconds = Annotated[int, Whole(0)]
SomeSeconds = Annotated[int, Whole(1)]
Times = Annotated[int, Whole(1)]
UrlPath = Annotated[str, Form(matching(r"/\S*", "must begin with / and hold no spaces"))]
PATH_SCHEMA: JsonSchemaValue = {"type": "string"}

DEFAULT_INTERVAL_S = 5


class Health(Model):
    """The check that a process passes before it takes requests. For services with a port."""

    short_schema: ClassVar[JsonSchemaValue | None] = PATH_SCHEMA

    path: UrlPath = "/"
    """What is asked for."""
    interval_s: SomeSeconds = Field(DEFAULT_INTERVAL_S, alias="interval")
    """Seconds between two checks."""
    grace_s: Seconds = Field(
        default_factory=lambda given: given.get("interval_s", DEFAULT_INTERVAL_S),
        alias="grace",
        json_schema_extra={"x-default": "interval"},
    )
    """Seconds after its start in which a failed check does not count."""
    timeout_s: SomeSeconds = Field(
        default_factory=lambda given: max(given.get("interval_s", DEFAULT_INTERVAL_S) - 1, 1),
        alias="timeout",
        json_schema_extra={"x-default": "interval - 1"},
    )
    """Seconds that an answer may take."""
    is_disabled: Truth = Field(False, alias="disable")
    """Do not check: a process counts as healthy once it runs."""
    port: PortNumber | None = Field(None, json_schema_extra=LATER)
    """Another port to ask."""

    @classmethod
    def from_short(cls, value: str) -> dict[str, Any]:
        """Read `/check`."""
        return {"path": value}


class Liveness(Model):
    """The check whose failure restarts a process. Off without a path."""

    short_schema: ClassVar[JsonSchemaValue | None] = PATH_SCHEMA

    path: UrlPath | None = None
    """What is asked for."""
    grace_s: Seconds = Field(10, alias="grace")
    """Seconds before the first check."""
    interval_s: SomeSeconds = Field(5, alias="interval")
    """Seconds between two checks."""
    timeout_s: SomeSeconds = Field(5, alias="timeout")
    """Seconds that an answer may take."""
    success_threshold: Times = 1
    """Successes in a row that make it well."""
    failure_threshold: Times = 3
    """Failures in a row that make it unwell."""
    port: PortNumber | None = None
    """Another port to ask."""

    @classmethod
    def from_short(cls, value: str) -> dict[str, Any]:
        """Read `/live`."""
        return {"path": value}


class StartupProbe(Model):
    """The check that holds back the others until a process has started. Timings not given are liveness's."""

    path: UrlPath | None = None
    """What is asked for."""
    tcp_socket_port: PortNumber | None = None
    """A port that has to accept a connection, instead of a path."""
    grace_s: Seconds | None = Field(None, alias="grace")
    """Seconds before the first check."""
    interval_s: SomeSeconds | None = Field(None, alias="interval")
    """Seconds between two checks."""
    timeout_s: SomeSeconds | None = Field(None, alias="timeout")
    """Seconds that an answer may take."""
    success_threshold: Times | None = None
    """Successes in a row that it takes."""
    failure_threshold: Times | None = None
    """Failures in a row after which it is given up."""

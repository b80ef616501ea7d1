"""How many processes, how large, and how many at once while a release is rolled out."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.json_schema import JsonSchemaValue

from sternway.core.manifest.model import Model
from sternway.core.manifest.scalars import LATER, Opaque, Text, Whole, refuse

_COUNT_SCHEMA: JsonSchemaValue = {"type": ["integer", "string"]}
_NUMBER_SCHEMA: JsonSchemaValue = {"type": ["integer", "string"]}
_RANGE = re.compile(r"([0-9]{1,9})(?:(\+)|-([0-9]{1,9}))?")

Count = Annotated[int, Whole(0)]
Millis = Annotated[int, Whole(1)]
Mebibytes = Annotated[int, Whole(1)]


class Range(Model):
    """A number of processes. Without a maximum there is no bound."""

    short_schema: ClassVar[JsonSchemaValue | None] = _COUNT_SCHEMA

    minimum: Count = Field(1, alias="min")
    """The least."""
    maximum: Count | None = Field(None, alias="max")
    """The most."""

    @property
    def is_fixed(self) -> bool:
        """Tell whether there is only one number in it."""
        return self.minimum == self.maximum

    @classmethod
    def from_short(cls, value: str) -> dict[str, Any]:
        """Read `3`, `1-10` or `2+`."""
        found = _RANGE.fullmatch(value.replace(" ", ""))
        if found is None:
            refuse("must be a number such as 3, or a range such as 1-10 or 2+")
        least, is_open, most = found.groups()
        return {"minimum": least} if is_open else {"minimum": least, "maximum": most or least}


class Limit(Model):
    """What a process may use at most."""

    cpu: Millis | None = None
    """Thousandths of a core."""
    memory: Mebibytes | None = None
    """MiB."""


class Cooldown(Model):
    """Seconds to wait after a change of the count."""

    short_schema: ClassVar[JsonSchemaValue | None] = _NUMBER_SCHEMA

    up_s: Annotated[int, Whole(0)] = Field(60, alias="up")
    """After more were started."""
    down_s: Annotated[int, Whole(0)] = Field(60, alias="down")
    """After some were stopped."""

    @classmethod
    def from_short(cls, value: str) -> dict[str, Any]:
        """Read one number for both."""
        return {"up_s": value, "down_s": value}


class Targets(Model):
    """The load at which the count follows."""

    cpu: Annotated[int, Whole(1)] | None = None
    """Percent of what was asked for."""
    memory: Annotated[int, Whole(1)] | None = None
    """Percent of what was asked for."""
    requests: Annotated[int, Whole(1)] | None = None
    """Requests a minute and process."""
    custom: Opaque | None = None
    """Metrics of other systems, by name."""
    external: tuple[Opaque, ...] = ()
    """Metrics of other systems, as a list."""


class Gpu(Model):
    """Graphics processors of a process."""

    short_schema: ClassVar[JsonSchemaValue | None] = _NUMBER_SCHEMA

    count: Count = 0
    """How many."""
    vendor: Text = "nvidia"
    """Whose."""

    @classmethod
    def from_short(cls, value: str) -> dict[str, Any]:
        """Read one number."""
        return {"count": value}


class Scale(Model):
    """How many processes of a service, and how large each is."""

    short_schema: ClassVar[JsonSchemaValue | None] = _COUNT_SCHEMA

    count: Range = Range(minimum=1, maximum=1)
    """How many: `3`, a range `1-10` or `2+`, or a map. Of a range the least are started."""
    minimum: Count | None = Field(None, alias="min")
    """The least, instead of `count`."""
    maximum: Count | None = Field(None, alias="max")
    """The most, instead of `count`."""
    cpu: Millis | None = None
    """Thousandths of a core that a process is given."""
    memory: Mebibytes | None = None
    """MiB that a process is given."""
    limit: Limit = Field(Limit(), json_schema_extra=LATER)
    """What a process may use at most, if that is more than it is given."""
    gpu: Gpu | None = Field(None, json_schema_extra=LATER)
    """Graphics processors of a process."""
    targets: Targets | None = Field(None, json_schema_extra=LATER)
    """The load at which the count follows within its range."""
    cooldown: Cooldown | None = Field(None, json_schema_extra=LATER)
    """Seconds to wait after a change of the count."""
    autoscale: Opaque | None = Field(None, json_schema_extra=LATER)
    """Triggers of the count."""
    keda: Opaque | None = Field(None, json_schema_extra=LATER)
    """Triggers of the count, in KEDA's words."""
    vpa: Opaque | None = Field(None, json_schema_extra=LATER)
    """Sizes that follow the load."""

    @classmethod
    def from_short(cls, value: str) -> dict[str, Any]:
        """Read the count alone."""
        return {"count": value}

    @property
    def range(self) -> Range:
        """Return the count, or what `min` and `max` make of it."""
        if self.minimum is None and self.maximum is None:
            return self.count
        return Range(minimum=1 if self.minimum is None else self.minimum, maximum=self.maximum)


class Deployment(Model):
    """How many processes there are during a rollout, in percent of the count."""

    minimum: Annotated[int, Whole(0, 100)] = 50
    """The least that stay healthy; 0 for agents and singletons."""
    maximum: Annotated[int, Whole(100)] = 200
    """The most, old and new together; 100 for agents and singletons."""

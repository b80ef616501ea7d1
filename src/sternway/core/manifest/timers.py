"""Commands that run at times of the day."""

from typing import Annotated, ClassVar

from pydantic import Field

from sternway.core.manifest.model import Model
from sternway.core.manifest.scalars import Form, Text, Whole, matching, one_of

_FIELD = r"[0-9A-Za-z*/,?#-]+"
_SCHEDULE = rf"\s*{_FIELD}(\s+{_FIELD}){{4,5}}\s*|@(yearly|annually|monthly|weekly|daily|midnight|hourly)"
_DEMAND = "must have five fields (minute, hour, day, month, weekday), or six with the year"


class Timer(Model):
    """A command that runs in a new process of a service, at times in UTC."""

    foreign: ClassVar[frozenset[str]] = frozenset({"policies", "annotations"})

    command: Text
    """What runs."""
    schedule: Annotated[str, Form(matching(_SCHEDULE, _DEMAND))]
    """When: five fields of cron, in UTC."""
    service: Text
    """The service whose artifact and environment it gets; that may be scaled to 0."""
    concurrency: Annotated[str, one_of("Allow", "Forbid", "Replace")] = "Allow"
    """What happens when the one before is still running."""
    parallel_count: Annotated[int, Whole(1)] = Field(1)
    """How many run at once; each finds its number in `TIMER_INDEX`."""

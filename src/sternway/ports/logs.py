"""What processes and the rack itself print."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. `source` is `service/NAME/PROCESS` or `system/…`; `text` has no newline and may be any bytes."""

    at: datetime
    source: str
    text: bytes


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines are wanted. `since` is a moment; `tail` the last so many; `service` or `process` narrow it."""

    since: datetime | None = None
    tail: int | None = None
    service: str | None = None
    process: str | None = None
    follow: bool = True


class Logs(Protocol):
    """What processes printed."""

    def read(self, app: str, query: LogQuery) -> AsyncIterator[LogLine]:
        """Yield lines by time, and with `follow` new ones as they come, until the reader stops reading.

        Processes that start later are followed too; those that ended are read as long as they are kept.
        """
        ...


class Journal(Protocol):
    """What the rack itself logged lately."""

    def lines(self, after: datetime | None) -> Sequence[LogLine]:
        """Return the lines later than that, by time, as far as they are kept."""
        ...

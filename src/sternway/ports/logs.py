"""What processes and the rack itself print."""

from collections.abc import AsyncIterator, Collection, Sequence
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
    """Which lines are wanted. `since` is a moment; `tail` the last so many.

    `service` or `process` narrow it, and so do `fingerprints`: to processes of that content, whichever release
    started them.
    """

    since: datetime | None = None
    tail: int | None = None
    service: str | None = None
    process: str | None = None
    follow: bool = True
    fingerprints: Collection[str] | None = None

    @property
    def is_of_processes(self) -> bool:
        """Tell whether only lines of some processes are wanted."""
        return not (self.service is None and self.process is None and self.fingerprints is None)

    def takes(self, fingerprint: str) -> bool:
        """Tell whether lines of processes of this content are wanted."""
        return self.fingerprints is None or fingerprint in self.fingerprints


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

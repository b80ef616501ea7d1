"""What one container printed: how far it was read, and what of it is new.

An engine can be asked for what was kept from a moment on, including that moment. So the moment of the newest entry
and how many of that moment were seen are enough to go on reading without a line twice or one left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sternway.engines.docker.logs import entries
from sternway.engines.docker.logs.entries import Entry
from sternway.ports import LogLine

LINE_MAX_BYTES = 1024 * 1024
"""A line that is longer comes as several."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of an app."""

    id: str
    process_id: str
    service: str


@dataclass(slots=True)
class _Piece:
    at_ns: int
    text: bytearray


class Printed:
    """The lines of one container, over as many answers of the engine as it takes."""

    def __init__(self, container: Container, since: datetime | None) -> None:
        self.id = container.id
        self._source = f"service/{container.service}/{container.process_id}"
        self._newest_ns = entries.nanoseconds(since) if since else 0
        self._seen = 0
        self._again = 0
        self._pieces: dict[int, _Piece] = {}

    def go_on(self) -> str:
        """Begin with another answer, and return the moment that the engine has to be asked from, if there is one."""
        self._again = self._seen
        return f"{self._newest_ns // 10**9}.{self._newest_ns % 10**9:09d}" if self._newest_ns else ""

    def lines(self, found: Iterator[Entry]) -> Iterator[LogLine]:
        """Yield the lines that these entries complete and that were not there before."""
        for entry in found:
            if self._is_new(entry):
                yield from self._completed(entry)

    def _is_new(self, entry: Entry) -> bool:
        if entry.at_ns == self._newest_ns and self._again:
            self._again -= 1
            return False
        if entry.at_ns > self._newest_ns:
            self._newest_ns, self._seen, self._again = entry.at_ns, 0, 0
        self._seen += entry.at_ns == self._newest_ns
        return True

    def _completed(self, entry: Entry) -> Iterator[LogLine]:
        piece = self._pieces.setdefault(entry.output, _Piece(entry.at_ns, bytearray()))
        piece.text += entry.text
        if entry.ends_line or len(piece.text) > LINE_MAX_BYTES:
            del self._pieces[entry.output]
            yield LogLine(entries.moment(piece.at_ns), self._source, bytes(piece.text))

"""What processes printed, read from the files of their supervisors and merged by time."""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sternway.engines.process.slots import LOG, Slot, Slots
from sternway.ports import Clock, LogLine, LogQuery

POLL_S = 0.15
BATCH = 500
READ_BYTES = 256 * 1024


class ProcessLogs:
    """Fills `ports.Logs`. `data` is the directory that the engine has as well."""

    def __init__(self, data: Path, *, clock: Clock) -> None:
        self._slots = Slots(data / "processes")
        self._clock = clock

    async def read(self, app: str, query: LogQuery) -> AsyncIterator[LogLine]:
        """Yield what is there, and with `follow` what comes; lines are in order as far as they were there at once."""
        sources: dict[str, _Source] = {}
        limit = query.tail
        while True:
            await asyncio.to_thread(self._find, app, query, sources)
            lines = _newest(_merged(sources.values()), limit)
            while batch := await asyncio.to_thread(_take, lines):
                for line in batch:
                    yield line
            if not query.follow:
                return
            limit = None
            await self._clock.sleep(POLL_S)

    def _find(self, app: str, query: LogQuery, sources: dict[str, "_Source"]) -> None:
        for slot, directory in self._slots.of_app(app):
            is_wanted = query.service in (None, slot.key.service) and query.process in (None, slot.id)
            is_wanted = is_wanted and query.takes(slot.key.fingerprint)
            if is_wanted and slot.id not in sources:
                sources[slot.id] = _Source(slot, directory / LOG, query.since)
                if query.tail is not None:
                    sources[slot.id].skip_to_last(query.tail)


def _merged(sources: Iterable["_Source"]) -> Iterator[LogLine]:
    return heapq.merge(*(source.available() for source in sources), key=lambda line: line.at)


def _newest(lines: Iterator[LogLine], limit: int | None) -> Iterator[LogLine]:
    """Pass the lines on, or the newest of them; nothing is read before it is asked for."""
    yield from (lines if limit is None else deque(lines, maxlen=limit))


def _take(lines: Iterator[LogLine]) -> list[LogLine]:
    return list(islice(lines, BATCH))


class _Source:
    """The numbered files of one process, read from where the last reading ended."""

    def __init__(self, slot: Slot, directory: Path, since: datetime | None) -> None:
        self._name = f"service/{slot.key.service}/{slot.id}"
        self._directory = directory
        self._since = since
        self._number = 0
        self._offset = 0

    def skip_to_last(self, count: int) -> None:
        """Begin with the last so many lines, since only they can be among the newest of all."""
        for number in reversed(self._numbers()):
            content = (self._directory / f"{number:08d}").read_bytes()
            self._number, self._offset = number, 0
            there = content.count(b"\n")
            if there >= count:
                complete = content.rfind(b"\n") + 1
                last = content[:complete].split(b"\n", there - count)[-1]
                self._offset = complete - len(last)
                return
            count -= there

    def available(self) -> Iterator[LogLine]:
        """Yield the complete lines that are there and were not read yet."""
        for number in self._numbers():
            if number > self._number:
                self._number, self._offset = number, 0
            yield from self._lines(self._directory / f"{number:08d}")

    def _numbers(self) -> list[int]:
        """Return the files from the present one on; those that were dropped meanwhile are passed over."""
        names = self._directory.iterdir() if self._directory.is_dir() else ()
        return sorted(int(path.name) for path in names if path.name.isdecimal() and int(path.name) >= self._number)

    def _lines(self, path: Path) -> Iterator[LogLine]:
        try:
            with path.open("rb") as file:
                if self._is_too_old(path):
                    self._offset = file.seek(0, 2)
                    return
                file.seek(self._offset)
                while lines := file.readlines(READ_BYTES):
                    yield from self._parsed(lines)
                    if not lines[-1].endswith(b"\n"):
                        return
        except FileNotFoundError:
            return

    def _is_too_old(self, path: Path) -> bool:
        return self._since is not None and path.stat().st_mtime < self._since.timestamp()

    def _parsed(self, lines: list[bytes]) -> Iterator[LogLine]:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            self._offset += len(line)
            stamp, _, text = line[:-1].partition(b" ")
            at = _moment(stamp)
            if at and (self._since is None or at >= self._since):
                yield LogLine(at, self._name, text)


def _moment(stamp: bytes) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(stamp) / 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None

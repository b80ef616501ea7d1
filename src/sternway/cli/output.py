"""How results look: tables, members, relative times, JSON; and progress, which says what is under way."""

import os
import sys
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from sternway.cli import letters
from sternway.cli.letters import printable

if TYPE_CHECKING:
    from datetime import datetime

SPANS = (
    ("year", 365 * 86400),
    ("month", 30 * 86400),
    ("week", 7 * 86400),
    ("day", 86400),
    ("hour", 3600),
    ("minute", 60),
    ("second", 1),
)

LAST_COLUMNS = 12
"""What the last column of a table is left on the narrowest of terminals."""


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, optional: Sequence[str] = (), limit: int | None = None
) -> str:
    """Return lines with columns as wide as their content, two spaces apart and without trailing spaces.

    A column named in `optional` is left out when all its cells are empty. With a `limit`, the last column ends
    there, in an ellipsis where something was cut; the others are never cut.
    """
    lines = [tuple(header), *(tuple(printable(cell) for cell in row) for row in rows)]
    columns = [column for column in zip(*lines, strict=True) if column[0] not in optional or any(column[1:])]
    widths = [max(map(letters.width, column)) for column in columns]
    if limit is not None:
        room = max(LAST_COLUMNS, limit - sum(widths[:-1]) - 2 * len(widths[:-1]))
        columns[-1] = tuple(letters.cut(cell, room) for cell in columns[-1])
    return "".join(_line(line, widths) for line in zip(*columns, strict=True))


def show_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, optional: Sequence[str] = ()) -> None:
    """Write a table, as wide as it needs to be, but on a terminal no wider than that is."""
    show(table(header, rows, optional=optional, limit=_columns(sys.stdout)))


def members(pairs: Iterable[tuple[str, str]]) -> str:
    """Return one line for each pair that has a value; further lines of a value stand below its first."""
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    gap = "\n" + " " * (width + 2)
    return "".join(f"{name.ljust(width)}  {gap.join(map(printable, value.splitlines()))}\n" for name, value in shown)


def ago(at: "datetime | None", now: "datetime") -> str:
    """Say how long ago it was in one unit, rounded down; empty for None, `now` for less than a second."""
    if at is None:
        return ""
    passed_s = int((now - at).total_seconds())
    for unit, seconds in SPANS:
        if passed_s >= seconds:
            return f"{_counted(passed_s // seconds, unit)} ago"
    return "now"


def lasted(started: "datetime | None", ended: "datetime | None") -> str:
    """Say how long it took, as `1m5s`; empty unless it began and ended."""
    if started is None or ended is None:
        return ""
    minutes, seconds = divmod(max(0, int((ended - started).total_seconds())), 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def now() -> "datetime":
    """Return the time that relative ones are counted from."""
    from datetime import UTC, datetime

    return datetime.now(UTC)


def show(text: str) -> None:
    """Write data."""
    sys.stdout.write(text)
    sys.stdout.flush()


def show_text(text: str) -> None:
    """Write text from the rack: as it is, but without what would steer a terminal where it goes to one."""
    show("".join(f"{printable(line)}\n" for line in text.splitlines()) if sys.stdout.isatty() else text)


def show_json(value: Any) -> None:
    """Write wire objects as JSON."""
    import json

    from sternway.wire.json import to_json

    show(json.dumps(to_json(value), indent=2) + "\n")


class Line(Enum):
    """How the last line of a progress stands: ended, waiting for its outcome, or cut off in copied bytes."""

    ENDED = auto()
    BEGUN = auto()
    COPIED = auto()


class Progress:
    """Says what is under way on one stream: a line that stays open, steps below it, and how it ended.

    Leaving its block ends an open line, so that what follows, an error say, begins on its own.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._line = Line.ENDED

    def __enter__(self) -> "Progress":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End an open line."""
        self.end_line()

    def begin(self, text: str) -> None:
        """Write what begins, and leave the line open."""
        self.end_line()
        self._write(f"{printable(text)}...")
        self._line = Line.BEGUN

    def step(self, text: str) -> None:
        """Write a line of its own."""
        self.end_line()
        self._write(f"{printable(text)}\n")

    def done(self, text: str = "OK") -> None:
        """Write how it ended: on the line that is open, else on a line of its own."""
        if self._line is Line.BEGUN:
            self._write(f" {printable(text)}\n")
            self._line = Line.ENDED
        else:
            self.step(text)

    def moved(self, done_bytes: int, total_bytes: int) -> None:
        """Say how far the line that is open has come; shown on a terminal only."""

    def waiting(self, text: str) -> None:
        """Say what is waited for until the next step; shown on a terminal only."""

    def copy(self, chunk: bytes) -> None:
        """Write bytes as they are; chunks may end anywhere, in the middle of a line too."""
        if self._line is Line.BEGUN:
            self.end_line()
        copy(chunk, self._stream)
        self._line = Line.ENDED if chunk.endswith(b"\n") else Line.COPIED

    def end_line(self) -> None:
        """End the line if one is open."""
        if self._line is not Line.ENDED:
            self._write("\n")
        self._line = Line.ENDED

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def progress(*, aside: bool) -> Progress:
    """Return progress on stdout, or on stderr when stdout is for an id alone."""
    stream = sys.stderr if aside else sys.stdout
    if not is_terminal(stream):
        return Progress(stream)
    from sternway.cli.live import LiveProgress

    return LiveProgress(stream)


def copy(chunk: bytes, stream: TextIO) -> None:
    """Write bytes to a text stream as they are, whatever encoding it has."""
    stream.flush()
    stream.buffer.write(chunk)
    stream.buffer.flush()


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a person watches who can be shown lines that change."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")


def _columns(stream: TextIO) -> int | None:
    return os.get_terminal_size(stream.fileno()).columns or None if stream.isatty() else None


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(letters.filled(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip() + "\n"


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"

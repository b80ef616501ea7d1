"""The stream of a container's log taken apart: what an engine keeps is entries, and lines are made of them.

An entry is one line, or a piece of one that is longer than 16 KiB; each begins with its time. A container with a
terminal has entries behind each other, any other one has each in a frame: eight bytes, the first of which says which
output it was and the last four how long it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sternway.core.errors import EngineUnavailable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

HEAD_BYTES = 8
FRAME_MAX_BYTES = 16 * 1024 * 1024
PIECE_BYTES = 16 * 1024
"""Where an engine cuts a line that is longer; whatever is shorter has come to its end."""
TERMINAL = 1
"""The output that all of a terminal counts as."""

_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d) ")
_STAMP_MAX_BYTES = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """What an engine kept at once: a line, or unless `ends_line` a piece of one. Nanoseconds since 1970."""

    at_ns: int
    output: int
    text: bytes
    ends_line: bool


class Entries:
    """Takes one answer apart, chunk by chunk; what is not whole waits for the next."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[Entry]:
        """Yield the entries that are whole now. Whatever else than an entry an engine says is passed over."""
        self._rest += chunk
        # Frames begin with a small number, and a time with a digit.
        is_framed = self._rest[:1] <= b"\x03"
        return self._framed() if is_framed else self._terminal()

    def rest(self) -> Iterator[Entry]:
        """Yield what was left without a newline, once the answer has come to its end."""
        rest, self._rest = self._rest, b""
        return _pieces(rest) if rest and rest[:1] > b"\x03" else iter(())

    def _framed(self) -> Iterator[Entry]:
        content, start = self._rest, 0
        while len(content) - start >= HEAD_BYTES:
            head = start + HEAD_BYTES
            end = head + int.from_bytes(content[start + 4 : head])
            if end - head > FRAME_MAX_BYTES:
                raise EngineUnavailable("the Docker engine sent a log that makes no sense")
            if end > len(content):
                break
            yield from _entry(content[head:end], output=content[start])
            start = end
        self._rest = content[start:]

    def _terminal(self) -> Iterator[Entry]:
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            yield from _pieces(line)


def _pieces(line: bytes) -> Iterator[Entry]:
    """Part a terminal's line at the times of its pieces, which an engine writes without any mark."""
    while (stamp := _STAMP.match(line)) and _STAMP.match(line, cut := stamp.end() + PIECE_BYTES):
        yield from _entry(line[:cut], output=TERMINAL)
        line = line[cut:]
    yield from _entry(line.removesuffix(b"\r") + b"\n", output=TERMINAL)


def _entry(content: bytes, *, output: int) -> Iterator[Entry]:
    stamp, _, text = content.partition(b" ")
    if (at_ns := _nanoseconds(stamp)) is not None:
        is_end = text.endswith(b"\n") or len(text) < PIECE_BYTES
        yield Entry(at_ns, output, text.removesuffix(b"\n"), is_end)


def _nanoseconds(stamp: bytes) -> int | None:
    try:
        at = datetime.fromisoformat(stamp[:_STAMP_MAX_BYTES].decode("ascii"))
        whole = (at - EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError):
        return None
    # Python's times end at microseconds; the engine's go on for three more digits.
    fraction = re.match(rb"[^.]*\.\d{6}(\d{1,3})", stamp)
    return whole * 1000 + (int(fraction[1].ljust(3, b"0")) if fraction else 0)


def moment(at_ns: int) -> datetime:
    """Return the time of an entry, as exactly as a time can be."""
    return EPOCH + timedelta(microseconds=at_ns // 1000)


def nanoseconds(at: datetime) -> int:
    """Return a time as entries have it."""
    return (at - EPOCH) // timedelta(microseconds=1) * 1000

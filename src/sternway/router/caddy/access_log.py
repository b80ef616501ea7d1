"""The access logs of the backs, read as they grow: what Caddy says of each request is what is counted.

Nothing is asked of Caddy, and nothing is on the way of a request: the logs are written anyway. They also outlast the
rack, so that a rack that starts again counts what was answered while it was away. It reads no further back than
BACKFILL_BYTES; what is before that is unknown, and is said to be.

Blocking; the router calls it in a thread.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from sternway.router.caddy import names
from sternway.router.tally import Answered

BACKFILL_BYTES = 4 * 1024 * 1024
"""How much of each log is read at first: some 10,000 requests, in a twentieth of a second."""
READ_BYTES = 64 * 1024

_BACK = re.compile(rf"(?:.*/)?run/{names.PATTERN}\.[0-9]+\.sock")
"""Where a request was handed on to when its back was unloaded: the back that got it has it in its log too."""


class AccessLog:
    """One log. Caddy renames it when it is large and begins another one, so that the name leads to the newest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        self.known_from = 0.0
        self._is_cut = False

    def read(self, now: float) -> Iterator[Answered]:
        """Yield what was added since the last time, whole lines only."""
        if self._file is None and not self._open_first():
            return
        yield from self._rest_of_file()
        if self._is_cut:
            self._know_from(now)
        while self._is_replaced():
            # It is complete now; what was added after the look before is read first.
            yield from self._rest_of_file()
            self.close()
            if not self._open():
                return
            yield from self._rest_of_file()

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()
        self._file, self._rest = None, b""

    def _open(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            self._file = self._path.open("rb", buffering=0)
        return self._file is not None

    def _open_first(self) -> bool:
        """Open it where reading begins; before its first line nothing is known unless that was the very first."""
        if not self._open() or self._file is None:
            return False
        size = os.fstat(self._file.fileno()).st_size
        skipped = max(0, size - BACKFILL_BYTES)
        self._is_cut = skipped > 0 or any(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"))
        if skipped:
            self._file.seek(skipped)
            self._file.readline()
        return True

    def _is_replaced(self) -> bool:
        """Tell whether the name leads to another file by now, or to one that was emptied."""
        if self._file is None:
            return False
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        own = os.fstat(self._file.fileno())
        return not os.path.samestat(there, own) or there.st_size < self._file.tell()

    def _rest_of_file(self) -> Iterator[Answered]:
        while self._file and (read := self._file.read(READ_BYTES)):
            *lines, self._rest = (self._rest + read).split(b"\n")
            for request in filter(None, map(parse, lines)):
                if self._is_cut:
                    self._know_from(request.at)
                yield request

    def _know_from(self, at: float) -> None:
        self._is_cut, self.known_from = False, at


def parse(line: bytes) -> Answered | None:
    """Return the request of a line; None for one that is torn, of no app, or of another log's request."""
    try:
        found: dict[str, Any] = json.loads(line)
        if not found["app"] or _BACK.fullmatch(found["upstream"] or ""):
            return None
        return Answered(str(found["app"]), float(found["ts"]), int(found["status"]), float(found["duration"]))
    except (ValueError, KeyError, TypeError):
        return None

"""What a build prints, as one of several that speak at once: whole lines, each with whose it is."""

import contextlib
from collections.abc import Callable, Iterator

LINE_BYTES = 64 * 1024
"""How long a line may get before it is passed on in parts."""


class Voice:
    """One of those that write to a log. Without a prefix it is the only one: bytes go on as they come."""

    def __init__(self, log: Callable[[bytes], None], prefix: str = "") -> None:
        self._log = log
        self._prefix = prefix.encode()
        self._rest = b""

    def say(self, line: str) -> None:
        """Write a line of our own."""
        self._end_line()
        self._log(self._prefix + f"{line}\n".encode(errors="replace"))

    def write(self, content: bytes) -> None:
        """Write what an engine printed."""
        if not self._prefix:
            self._log(content)
            return
        *lines, self._rest = (self._rest + content).split(b"\n")
        for line in lines:
            self._log(self._prefix + line + b"\n")
        if len(self._rest) > LINE_BYTES:
            self._end_line()

    @contextlib.contextmanager
    def speaking(self) -> Iterator[None]:
        """Write the last line at the end of the block, even if it never ended."""
        try:
            yield
        finally:
            self._end_line()

    def _end_line(self) -> None:
        rest, self._rest = self._rest, b""
        if rest:
            self._log(self._prefix + rest + b"\n")

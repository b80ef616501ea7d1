"""Progress for a terminal: the last line says how far it is and for how long it has lasted, and is written anew."""

import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from sternway.cli import letters, output

TICK_S = 1.0
REDRAW_S = 0.1
BEGINNING = "\r\x1b[K"
"""Back to the first column, and the line is empty."""
Clock = Callable[[], float]


class LiveProgress(output.Progress):
    """What ends up on the screen are the lines of Progress, with the seconds that a long step took."""

    def __init__(self, stream: TextIO, *, clock: Clock = time.monotonic, tick_s: float = TICK_S) -> None:
        super().__init__(stream)
        self._clock = clock
        self._tick_s = tick_s
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._ticker: threading.Thread | None = None
        self._text = self._waited = ""
        self._is_step = False
        self._since = self._waited_since = self._drawn_at = 0.0

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End an open line, and write nothing any more."""
        self._ended.set()
        if self._ticker:
            self._ticker.join()
        super().__exit__(kind, exc, traceback)

    def begin(self, text: str) -> None:
        """Write what begins, and leave the line open."""
        with self._lock:
            self._waited = ""
            self.end_line()
            self._open(f"{letters.printable(text)}...", output.Line.BEGUN)

    def step(self, text: str) -> None:
        """Write a step, which lasts until the next one."""
        with self._lock:
            self._waited = ""
            self.end_line()
            self._open(letters.printable(text), output.Line.BEGUN, is_step=True)

    def done(self, text: str = "OK") -> None:
        """Write how it ended: on the line that is open, else on a line of its own."""
        with self._lock:
            if self._text and not self._is_step:
                self._close(f"{self._text} {letters.printable(text)}\n")
            else:
                self.end_line()
                self._write(f"{letters.printable(text)}\n")

    def moved(self, done_bytes: int, total_bytes: int) -> None:
        """Say how far the line that is open has come, but not more often than an eye can follow."""
        with self._lock:
            if self._text and (done_bytes == total_bytes or self._clock() - self._drawn_at >= REDRAW_S):
                share = 100 * done_bytes // max(1, total_bytes)
                self._draw(f" {share}% of {_amount(total_bytes)}")

    def waiting(self, text: str) -> None:
        """Show below what is copied what is waited for; the next step takes its place."""
        with self._lock:
            if self._line is output.Line.ENDED:
                self._waited, self._waited_since = letters.printable(text), self._clock()
                self._open(self._waited, output.Line.ENDED)

    def copy(self, chunk: bytes) -> None:
        """Write bytes as they are, above a line that is only waited on."""
        with self._lock:
            if self._text:
                self.end_line()
            super().copy(chunk)
            if self._waited and self._line is output.Line.ENDED:
                self._open(self._waited, output.Line.ENDED)
                self._since = self._waited_since

    def end_line(self) -> None:
        """Leave the open line as it is to stay; one that was only waited on goes."""
        with self._lock:
            if not self._text:
                return super().end_line()
            if self._line is output.Line.ENDED:
                return self._close("")
            self._close(f"{self._text}{self._lasted() if self._is_step else ''}\n")

    def _open(self, text: str, line: output.Line, *, is_step: bool = False) -> None:
        self._text, self._line, self._is_step = text, line, is_step
        self._since = self._clock()
        self._draw("")
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, daemon=True)
            self._ticker.start()

    def _close(self, text: str) -> None:
        self._write(f"{BEGINNING}{text}")
        self._text, self._line = "", output.Line.ENDED

    def _tick(self) -> None:
        while not self._ended.wait(self._tick_s):
            with self._lock:
                if self._text and self._clock() - self._drawn_at >= self._tick_s / 2:
                    self._draw(self._lasted())

    def _draw(self, tail: str) -> None:
        # One column less than there are: a line that fills the last one would be two.
        room = self._columns() - 1 - len(tail)
        self._drawn_at = self._clock()
        self._write(f"{BEGINNING}{letters.cut(self._text, max(1, room))}{tail}")

    def _lasted(self) -> str:
        passed_s = int(self._clock() - self._since)
        if passed_s < 1:
            return ""
        minutes, seconds = divmod(passed_s, 60)
        return f"  {minutes}m{seconds}s" if minutes else f"  {seconds}s"

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80


def _amount(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{max(1, size_bytes // 1000)} kB"

"""What a process prints, kept in files of limited size: `MICROSECONDS TEXT` a line, any bytes.

Files are numbered and never renamed, so that a reader can go on where it was.
"""

import os
import time

SEGMENT_BYTES = 8 * 1024 * 1024
SEGMENTS_KEPT = 4
LINE_BYTES = 64 * 1024
SHOWN_BYTES = 200


class Output:
    """The log of one process. A full disk loses lines and stops nothing."""

    def __init__(self, directory: str, *, segment_bytes: int = SEGMENT_BYTES, kept: int = SEGMENTS_KEPT) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._kept = kept
        self._number = 0
        self._size = 0
        self._file = -1
        self._rest = b""
        self._last_line = b""
        os.makedirs(directory, exist_ok=True)

    @property
    def last_line(self) -> str:
        """Return the last line that says something, shortened; it is for people."""
        return self._last_line[:SHOWN_BYTES].decode("utf-8", "replace").strip()

    def forget_last_line(self) -> None:
        """Begin anew, as when the process is started again."""
        self._last_line = b""

    def write(self, chunk: bytes) -> None:
        """Keep the complete lines of what came; the rest waits for its end, unless it is overly long."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        while len(self._rest) > LINE_BYTES:
            lines.append(self._rest[:LINE_BYTES])
            self._rest = self._rest[LINE_BYTES:]
        self._keep(lines)

    def end_line(self) -> None:
        """Keep a last line that has no newline."""
        if self._rest:
            self._keep([self._rest])
            self._rest = b""

    def _keep(self, lines: list[bytes]) -> None:
        if not lines:
            return
        self._last_line = next((line for line in reversed(lines) if line.strip()), self._last_line)
        stamp = b"%d " % (time.time_ns() // 1000)
        self._append(b"".join(stamp + line + b"\n" for line in lines))

    def _append(self, text: bytes) -> None:
        try:
            if self._file < 0 or self._size >= self._segment_bytes:
                self._rotate()
            self._size += os.write(self._file, text)
        except OSError:
            return

    def _rotate(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._number += 1
        self._file = os.open(self._path(self._number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = 0
        if self._number > self._kept:
            os.unlink(self._path(self._number - self._kept))

    def _path(self, number: int) -> str:
        return os.path.join(self._directory, f"{number:08d}")

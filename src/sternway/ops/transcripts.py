"""What builds print while they run: written once, read by any number of clients from the beginning.

When a build has ended, its transcript becomes an object, byte for byte the same.
"""

import asyncio
from collections.abc import AsyncIterator

MAX_BYTES = 32 * 1024 * 1024
CUT = b"\n[the rest of the output is left out]\n"


class Transcript:
    """The output of one build, bounded by MAX_BYTES."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._is_full = False
        self._is_closed = False
        self._changed = asyncio.Event()

    def write(self, chunk: bytes) -> None:
        """Add output; what is over the bound is left out, once with a note."""
        if self._is_full or self._is_closed:
            return
        if len(self._bytes) + len(chunk) > MAX_BYTES:
            chunk, self._is_full = CUT, True
        self._bytes += chunk
        self._wake()

    def close(self) -> None:
        """Say that nothing more comes; readers end."""
        self._is_closed = True
        self._wake()

    def content(self) -> bytes:
        """Return everything up to now."""
        return bytes(self._bytes)

    async def read(self) -> AsyncIterator[bytes]:
        """Yield everything from the beginning, then what comes, until it is closed."""
        position = 0
        while True:
            changed = self._changed
            if position < len(self._bytes):
                chunk = bytes(self._bytes[position:])
                position += len(chunk)
                yield chunk
            elif self._is_closed:
                return
            else:
                await changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Transcripts:
    """The transcripts of the builds that run now, by build id."""

    def __init__(self) -> None:
        self._running: dict[str, Transcript] = {}

    def begin(self, build_id: str) -> Transcript:
        """Return the transcript of a build that starts; called again it returns the same."""
        return self._running.setdefault(build_id, Transcript())

    def find(self, build_id: str) -> Transcript | None:
        """Return the transcript of a build that runs."""
        return self._running.get(build_id)

    def ids(self) -> frozenset[str]:
        """Return the builds that have yet to end."""
        return frozenset(self._running)

    def end(self, build_id: str) -> None:
        """Close and forget it; whoever reads it comes to its end."""
        transcript = self._running.pop(build_id, None)
        if transcript:
            transcript.close()

"""The end of downloads that somebody else decides: who waits for them, or their time."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Abort:
    """Ends downloads from another thread, those that wait for a server too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connected: set[socket.socket] = set()
        self.cause = ""

    def now(self, cause: str = "it was asked to end") -> None:
        """End what is under way, and whatever begins later. Called twice it does nothing more."""
        with self._lock:
            self.cause = self.cause or cause
            for connected in self._connected:
                with contextlib.suppress(OSError):
                    # Not the method of a TLS socket, which would change under the thread that reads it.
                    socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def check(self) -> None:
        """Raise ConnectionAbortedError if it was aborted."""
        if self.cause:
            raise ConnectionAbortedError(self.cause)

    def watch(self, connected: socket.socket) -> None:
        """Have a connection ended too."""
        with self._lock:
            self.check()
            self._connected.add(connected)

    @contextmanager
    def within(self, limit_s: float) -> Iterator[None]:
        """Abort if the block takes longer."""
        timer = threading.Timer(limit_s, self.now, [f"it takes longer than {limit_s:g} s"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

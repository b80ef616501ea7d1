"""How often somebody may try to sign in: what failed lately, by address and in all."""

from collections import deque

from sternway.ports import Clock

WINDOW_S = 60.0
MAX_BY_ADDRESS = 5
MAX_IN_ALL = 100


class Attempts:
    """Counts what failed within WINDOW_S. It never holds more than MAX_IN_ALL."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: deque[tuple[float, str]] = deque(maxlen=MAX_IN_ALL)

    def wait_s(self, address: str) -> float:
        """Return how long this address has to wait before it may try again; 0 if not at all."""
        now = self._clock.monotonic()
        while self._failed and now - self._failed[0][0] >= WINDOW_S:
            self._failed.popleft()
        own = [at for at, who in self._failed if who == address]
        if len(self._failed) >= MAX_IN_ALL:
            return WINDOW_S - (now - self._failed[0][0])
        return WINDOW_S - (now - own[-MAX_BY_ADDRESS]) if len(own) >= MAX_BY_ADDRESS else 0.0

    def fail(self, address: str) -> None:
        """Remember that it did not work."""
        self._failed.append((self._clock.monotonic(), address))

    def succeed(self, address: str) -> None:
        """Forget what this address did before."""
        kept = [each for each in self._failed if each[1] != address]
        self._failed = deque(kept, maxlen=MAX_IN_ALL)

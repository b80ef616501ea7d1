"""What is remembered of attempts to get in: passwords that were right lately, and how often others were wrong.

It is only memory. Nothing here says who may come in: that are the rows, looked at each time.
"""

import asyncio
from collections import OrderedDict, deque

VERIFIED_S = 300.0
"""How long a password that was verified need not be again. It is forgotten at once when the hash it met changes."""
VERIFIED_AT_MOST = 1_000
WINDOW_S = 60.0
WRONG_BY_ADDRESS = 10
WRONG_BY_USER = 30
COUNTED_AT_MOST = 10_000
AT_ONCE = 2
"""How many passwords are verified at the same time; each takes a thread, and 19 MiB."""


class Attempts:
    """Times are seconds of a clock that only ever rises: steps of the wall clock change nothing."""

    def __init__(self) -> None:
        self.turn = asyncio.Semaphore(AT_ONCE)
        self._verified: OrderedDict[str, float] = OrderedDict()
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def is_verified(self, credential: str, now: float) -> bool:
        """Tell whether this was right lately; `credential` is a keyed hash over a password and what it has to meet."""
        until = self._verified.get(credential)
        return until is not None and now < until

    def verified(self, credential: str, now: float) -> None:
        """Remember that it was right."""
        self._verified[credential] = now + VERIFIED_S
        self._verified.move_to_end(credential)
        while len(self._verified) > VERIFIED_AT_MOST:
            self._verified.popitem(last=False)

    def forget(self) -> None:
        """Have every password verified anew."""
        self._verified.clear()

    def wait_s(self, user: str, address: str, now: float) -> float:
        """Return how long this user, or whoever is at this address, has to wait before another attempt; 0: not."""
        by_user = self._wait_s(f"user {user}", WRONG_BY_USER, now)
        return max(by_user, self._wait_s(f"address {address}", WRONG_BY_ADDRESS, now))

    def wrong(self, user: str, address: str, now: float) -> None:
        """Count an attempt that failed."""
        for key, most in ((f"user {user}", WRONG_BY_USER), (f"address {address}", WRONG_BY_ADDRESS)):
            self._wrong.setdefault(key, deque(maxlen=most)).append(now)
            self._wrong.move_to_end(key)
        while len(self._wrong) > COUNTED_AT_MOST:
            self._wrong.popitem(last=False)

    def _wait_s(self, key: str, most: int, now: float) -> float:
        """Return how long it takes until the oldest of as many as are allowed is out of the window."""
        times = self._wrong.get(key)
        return max(0.0, times[0] + WINDOW_S - now) if times and len(times) >= most else 0.0

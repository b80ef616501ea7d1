"""What is remembered of attempts to get in: passwords that were right lately, and how often others were wrong.

It is only memory. Nothing here says who may come in: that are the rows, looked at each time.
"""

import asyncio
from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address

VERIFIED_S = 300.0
"""How long a password that was verified need not be again. It is forgotten at once when the hash it met changes."""
VERIFIED_AT_MOST = 1_000
WINDOW_S = 60.0
WRONG_BY_ADDRESS = 10
WRONG_BY_USER = 30
COUNTED_AT_MOST = 10_000
NETWORK_BITS = 64
"""Of an address of version 6: whoever has one has all that begin like it."""
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
        return max(self._wait_s(key, most, now) for key, most in _counted(user, address))

    def wrong(self, user: str, address: str, now: float) -> None:
        """Count an attempt that failed."""
        for key, most in _counted(user, address):
            self._wrong.setdefault(key, deque(maxlen=most)).append(now)
            self._wrong.move_to_end(key)
        while len(self._wrong) > COUNTED_AT_MOST:
            self._wrong.popitem(last=False)

    def _wait_s(self, key: str, most: int, now: float) -> float:
        """Return how long it takes until the oldest of as many as are allowed is out of the window."""
        times = self._wrong.get(key)
        return max(0.0, times[0] + WINDOW_S - now) if times and len(times) >= most else 0.0


def _counted(user: str, address: str) -> tuple[tuple[str, int], ...]:
    """Return what an attempt is counted by, and how many may be wrong."""
    return (f"user {user}", WRONG_BY_USER), (f"address {_network(address)}", WRONG_BY_ADDRESS)


def _network(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or int(found) >> (128 - NETWORK_BITS))
    return address

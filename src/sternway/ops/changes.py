"""Who wants to know when something of an app changed, within this process.

Rows are the truth; this only saves waiting. A notification that nobody hears is lost, so readers look at
the rows first and then wait, with a bound.
"""

import asyncio
from collections.abc import Callable
from typing import Any

RACK = "rack"
"""The topic of what belongs to no app; no app can be called so."""


class Changes:
    """Topics are names of apps, and `RACK`."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._told: dict[str, Any] = {}
        self.is_over = False

    def close(self) -> None:
        """Let everybody who waits go at once, and nobody wait from now on: the rack is about to end."""
        self.is_over = True
        for topic in list(self._waiters):
            for waiter in self._waiters.pop(topic):
                if not waiter.done():
                    waiter.set_result(None)

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Have `listener(topic)` called at every notification, on the loop; it must not wait."""
        self._listeners.append(listener)

    def notify(self, topic: str) -> None:
        """Say that something of this topic changed; call it after the commit."""
        self._versions[topic] = self.version(topic) + 1
        self._told.pop(topic, None)
        for waiter in self._waiters.pop(topic, set()):
            if not waiter.done():
                waiter.set_result(None)
        for listener in self._listeners:
            listener(topic)

    async def hand_over(self, topic: str, told: Any = None) -> None:
        """Say the same, and let those who listen begin before the caller goes on: its answer can wait for them.

        What is `told` saves them reading what the caller has just written. It is true until the next notification.
        """
        self.notify(topic)
        if told is not None:
            self._told[topic] = told
        await asyncio.sleep(0)

    def told(self, topic: str) -> Any:
        """Return once what was told with the newest notification; None if nothing was."""
        return self._told.pop(topic, None)

    def version(self, topic: str) -> int:
        """Return a number that rises with each notification; read it before the rows."""
        return self._versions.get(topic, 0)

    async def wait(self, topic: str, seen: int, timeout_s: float) -> bool:
        """Wait until the version is beyond `seen`; False when the time is up."""
        if self.is_over or self.version(topic) > seen:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(topic, set()).add(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._waiters.get(topic, set()).discard(waiter)
        return True

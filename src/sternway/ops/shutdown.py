"""The wish to take the rack down, from whoever utters it to the composition root that carries it out."""

import asyncio


class Shutdown:
    """Asked for once; a later wish may add the apps but never take them back."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.with_apps = False

    def request(self, *, with_apps: bool = False) -> None:
        """Ask for the end, of the apps and the router too if `with_apps`."""
        self.with_apps = self.with_apps or with_apps
        self._event.set()

    async def wait(self) -> None:
        """Return when it was asked for."""
        await self._event.wait()
